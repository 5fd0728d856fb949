/** A card of the overview: one time chart with its figures. */

import { element, slot } from "../../core/dom.js";
import { locale, t } from "../../core/i18n.js";
import { TimeChart } from "./time-chart.js";

/**
 * @typedef {import("./overview-charts.js").ChartDefinition} ChartDefinition
 * @typedef {import("./overview-charts.js").Machine} Machine
 * @typedef {import("./theme-colours.js").ThemeColours} ThemeColours
 * @typedef {Record<string, (number | null)[]>} Samples A list for each measure; `time` is in seconds since 1970.
 */

export class ChartCard {
  /** @type {Samples} */
  #samples = { time: [] };

  /** @param {HTMLElement} card @param {ChartDefinition} chart @param {{machine: () => Machine, theme: ThemeColours}} parts */
  constructor(card, chart, { machine, theme }) {
    this.card = card;
    this.chart = chart;
    this.machine = machine;
    this.plot = new TimeChart(slot(card, "plot"), {
      theme,
      colours: chart.colours ?? ["accent"],
      format: chart.axis,
      stepped: chart.stepped,
      steps: chart.steps,
      dots: chart.dots,
      top: () => chart.top?.(machine()),
      onPoint: (index) => this.showFigures(index),
    });
  }

  /** @param {Samples} samples @param {number} seconds That are shown. */
  show(samples, seconds) {
    this.#samples = samples;
    const lines = this.chart.measures.map((name) => samples[name] ?? []);
    this.plot.show(/** @type {number[]} */ (samples.time), lines, seconds);
    this.showFigures(this.plot.plot.cursor.idx ?? null);
  }

  /** Writes the numbers of the sample that is pointed at, or of the latest. @param {number | null} index */
  showFigures(index) {
    const { time = [] } = this.#samples;
    const isPointedAt = index !== null && (this.plot.plot.cursor.left ?? -1) >= 0;
    const last = time.length - 1;
    const shown = isPointedAt ? index : last;
    const value = (/** @type {string} */ name) => this.#samples[name]?.[shown] ?? null;
    slot(this.card, "figure").textContent = last < 0 ? "–" : this.chart.figure(value, this.machine());
    const aside = slot(this.card, "aside");
    if (last < 0) aside.textContent = t("no samples yet");
    else if (isPointedAt && shown <= last) aside.replaceChildren("at ", timeElement(time[shown] ?? 0));
    else aside.textContent = this.chart.aside((name) => summarize(this.#samples[name]), this.machine());
  }
}

/** @param {(number | null)[] | undefined} values @returns {{mean: number, highest: number, last: number} | null} */
export function summarize(values = []) {
  const present = values.filter((value) => value !== null);
  const last = present.at(-1);
  if (last === undefined) return null;
  const sum = present.reduce((total, value) => total + value, 0);
  return { mean: sum / present.length, highest: Math.max(...present), last };
}

/** @param {number} seconds */
function timeElement(seconds) {
  const options = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const format = new Intl.DateTimeFormat(locale(), { ...options, hourCycle: "h23" });
  return element("time", format.format(new Date(seconds * 1000)));
}
