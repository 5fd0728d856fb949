/** Day charts: stacked bars by day, and a line by day. */

import uPlot from "../../../vendor/uplot.esm.js";
import { locale } from "../../core/i18n.js";
import { scaleTop, sizeOf, timeAxis, valueAxis } from "./axes.js";

/** The colours of bars; the last is for all the others. */
export const BAR_COLOURS = ["chart-1", "chart-2", "chart-3", "chart-4", "chart-5"];
const DAY_SECONDS = 86_400;
const LABEL_PIXELS = 64;

/** @typedef {import("./theme-colours.js").ThemeColours} ThemeColours */

/** @param {string} day 2026-03-01 @returns {number} Seconds since 1970: noon, so that a bar stands on its day. */
export function noon(day) {
  return Date.parse(`${day}T12:00:00Z`) / 1000;
}

export class DayChart {
  /** @type {uPlot | null} */
  #plot = null;

  /**
   * @param {HTMLElement} box
   * @param {{theme: ThemeColours, format: (value: number) => string, steps?: number[],
   *   onPoint: (day: number | null) => void}} options `steps` are the distances between two lines of the grid.
   */
  constructor(box, { theme, format, steps, onPoint }) {
    this.box = box;
    this.theme = theme;
    this.format = format;
    this.steps = steps;
    this.onPoint = onPoint;
    new ResizeObserver(() => this.#plot?.setSize(sizeOf(box))).observe(box);
    theme.onChange(() => this.#plot?.redraw(false));
  }

  /** Stacks the values of each day. @param {number[]} days @param {{colour: string, values: number[]}[]} layers */
  showBars(days, layers) {
    const paths = uPlot.paths.bars?.({ size: [0.7, 48], radius: 0.1 });
    const stacked = stack(layers).reverse(); // the highest bar is drawn first, the others in front of it
    const series = stacked.map(({ colour }) => ({
      stroke: () => this.theme.colour(colour),
      fill: () => this.theme.colour(colour),
      width: 0,
      paths,
      points: { show: false },
    }));
    const values = stacked.map((layer) => layer.values);
    this.#draw(days, values, series);
  }

  /** @param {number[]} days @param {(number | null)[]} values */
  showLine(days, values) {
    const accent = () => this.theme.colour("accent");
    const points = { show: true, size: 5, fill: accent };
    this.#draw(days, [values], [{ stroke: accent, width: 1.75, spanGaps: true, points }]);
  }

  /** @param {number[]} days @param {(number | null)[][]} values @param {uPlot.Series[]} series */
  #draw(days, values, series) {
    this.#plot?.destroy();
    const first = days[0] ?? 0;
    const last = days.at(-1) ?? 0;
    this.#plot = new uPlot(
      {
        ...sizeOf(this.box),
        legend: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: "days" }, drag: { x: false, y: false }, y: false, points: { show: false } },
        scales: {
          x: { time: true, range: [first - DAY_SECONDS / 2, last + DAY_SECONDS / 2] },
          y: { range: (_plot, _least, largest) => [0, scaleTop(largest)] },
        },
        axes: [dayAxis(this.theme, days), valueAxis(this.theme, this.format, this.steps)],
        series: [{}, ...series],
        hooks: {
          setCursor: [({ cursor }) => this.onPoint((cursor.left ?? -1) >= 0 ? (cursor.idx ?? null) : null)],
        },
      },
      [days, ...values],
      this.box,
    );
  }
}

/** @param {{colour: string, values: number[]}[]} layers @returns {{colour: string, values: number[]}[]} Each on top of those before. */
export function stack(layers) {
  /** @type {number[]} */
  const sums = [];
  return layers.map(({ colour, values }) => ({
    colour,
    values: values.map((value, day) => {
      sums[day] = (sums[day] ?? 0) + value;
      return sums[day];
    }),
  }));
}

/** @param {ThemeColours} theme @param {number[]} days @returns {uPlot.Axis} */
function dayAxis(theme, days) {
  const format = new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", timeZone: "UTC" });
  return {
    ...timeAxis(theme),
    splits: (plot) => {
      const fitting = Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / LABEL_PIXELS));
      const every = Math.ceil(days.length / fitting);
      return days.filter((_, index) => index % every === 0);
    },
    values: (_plot, times) => times.map((seconds) => format.format(new Date(seconds * 1000))),
  };
}
