/** Bars by day, one kind upon the other; and a curve by day. */
import uPlot from "../../../vendor/uplot.esm.js";
import { roomAbove, size, valueAxis } from "./time-chart.js";
import { axisFont, colour, onColours } from "./theme-colours.js";

/** The colours of kinds; the last is for all the rest. */
export const KINDS = ["chart-1", "chart-2", "chart-3", "chart-4", "chart-5"];
const DAY_SECONDS = 86_400;
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** @param {string} day 2026-03-01 @returns {number} Noon, so that a bar stands on its day. */
export function noon(day) {
  return Date.parse(`${day}T12:00:00Z`) / 1000;
}

export class DayChart {
  /**
   * @param {HTMLElement} box
   * @param {{format: (value: number) => string, rounds?: number[], onPoint: (day: number | null) => void}} how `rounds` are the steps
   *   of the scale.
   */
  constructor(box, { format, rounds, onPoint }) {
    this.box = box;
    this.format = format;
    this.rounds = rounds;
    this.onPoint = onPoint;
    /** @type {any} */
    this.plot = null;
    new ResizeObserver(() => this.plot?.setSize(size(box))).observe(box);
    onColours(() => this.plot?.redraw(false));
  }

  /** @param {number[]} days @param {{name: string, values: number[]}[]} kinds A colour and a value for each day. */
  bars(days, kinds) {
    const sums = days.map(() => 0);
    const stacked = kinds.map(({ name, values }) => ({
      name,
      values: values.map((value, at) => (sums[at] = (sums[at] ?? 0) + value)),
    }));
    stacked.reverse(); // the tallest is drawn first, the others before it
    const bars = uPlot.paths.bars?.({ size: [0.7, 48], radius: 0.1 });
    const series = stacked.map(({ name }) => ({
      stroke: () => colour(name),
      fill: () => colour(name),
      width: 0,
      paths: bars,
      points: { show: false },
    }));
    this.#make(
      days,
      stacked.map(({ values }) => values),
      series,
    );
  }

  /** @param {number[]} days @param {(number | null)[]} values */
  curve(days, values) {
    const line = {
      stroke: () => colour("accent"),
      width: 1.75,
      spanGaps: true,
      points: { show: true, size: 5, fill: () => colour("accent") },
    };
    this.#make(days, [values], [line]);
  }

  /** @param {number[]} days @param {(number | null)[][]} values @param {object[]} series */
  #make(days, values, series) {
    this.plot?.destroy();
    const first = days[0] ?? 0;
    const last = days[days.length - 1] ?? 0;
    this.plot = new uPlot(
      /** @type {any} */ ({
        ...size(this.box),
        legend: { show: false },
        tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: "days" }, drag: { x: false, y: false }, y: false, points: { show: false } },
        scales: {
          x: { time: true, range: [first - DAY_SECONDS / 2, last + DAY_SECONDS / 2] },
          y: {
            range: (
              /** @type {any} */ _plot,
              /** @type {any} */ _least,
              /** @type {number | null} */ top,
            ) => [0, roomAbove(top)],
          },
        },
        axes: [dayAxis(days), valueAxis(this.format, this.rounds)],
        series: [{}, ...series],
        hooks: {
          setCursor: [
            (/** @type {any} */ plot) =>
              this.onPoint(plot.cursor.left >= 0 ? (plot.cursor.idx ?? null) : null),
          ],
        },
      }),
      /** @type {any} */ ([days, ...values]),
      this.box,
    );
  }
}

/** @param {number[]} days */
function dayAxis(days) {
  return {
    size: 28,
    font: axisFont(),
    stroke: () => colour("soft"),
    grid: { show: false },
    ticks: { show: false },
    splits: (/** @type {any} */ plot) => {
      const most = Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / 64));
      const every = Math.ceil(days.length / most);
      return days.filter((_day, at) => at % every === 0);
    },
    values: (/** @type {any} */ _plot, /** @type {number[]} */ at) =>
      at.map((seconds) => DAY.format(new Date(seconds * 1000))),
  };
}
