/** A curve over time: follows the theme and the width of its box, and says which moment is pointed at. */
import uPlot from "../../../vendor/uplot.esm.js";
import { timeOfDay } from "../../core/format.js";
import { axisFont, colour, onColours } from "./theme-colours.js";

/** @typedef {(number | null)[]} Values */

const Y_AXIS = 56;
const X_AXIS = 28;
const together = uPlot.sync("overview");

export class Chart {
  /**
   * @param {HTMLElement} box Has its height from the style sheet.
   * @param {{colours: string[], format: (value: number) => string, most?: () => number | undefined, steps?: boolean, rounds?: number[], dots?: boolean,
   *   onPoint: (at: number | null) => void}} how A colour's token for each curve; `most` is the top of the scale, `rounds` its steps.
   */
  constructor(
    box,
    { colours, format, most = () => undefined, steps = false, rounds, dots = false, onPoint },
  ) {
    this.span = 600;
    this.box = box;
    this.plot = new uPlot(
      {
        ...size(box),
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: together.key }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
        scales: {
          x: { time: true, range: (_plot, _least, last) => [last - this.span, last] },
          y: { range: (_plot, _least, top) => [0, most() ?? roomAbove(top)] },
        },
        axes: [timeAxis(), valueAxis(format, rounds)],
        series: [
          {},
          ...colours.map((name, number) => curve(name, { steps, dots, filled: number === 0 && !dots })),
        ],
        hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
      },
      /** @type {any} */ ([[], ...colours.map(() => [])]),
      box,
    );
    new ResizeObserver(() => this.plot.setSize(size(box))).observe(box);
    onColours(() => this.plot.redraw(false));
  }

  /** @param {number[]} times @param {Values[]} curves @param {number} span Seconds that are shown. */
  show(times, curves, span) {
    this.span = span;
    this.plot.setData(/** @type {any} */ ([times, ...curves]));
  }
}

/** @param {HTMLElement} box */
export function size(box) {
  return { width: Math.max(120, box.clientWidth), height: Math.max(60, box.clientHeight) };
}

/** @param {number | null} top */
export function roomAbove(top) {
  return top && top > 0 ? top * 1.15 : 1;
}

/** @param {string} name @param {{steps: boolean, dots: boolean, filled: boolean}} how */
function curve(name, { steps, dots, filled }) {
  return {
    stroke: () => colour(name),
    fill: filled ? () => colour(name, 0.12) : undefined,
    width: 1.75,
    paths: steps ? uPlot.paths.stepped?.({ align: 1 }) : undefined,
    points: { show: dots, size: 5, fill: () => colour(name) },
  };
}

function timeAxis() {
  return {
    size: X_AXIS,
    space: 64,
    font: axisFont(),
    stroke: () => colour("soft"),
    grid: { show: false },
    ticks: { show: false },
    values: (/** @type {any} */ _plot, /** @type {number[]} */ at) =>
      at.map((seconds) => timeOfDay(new Date(seconds * 1000).toISOString())),
    incrs: [60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200],
  };
}

/** @param {(value: number) => string} format @param {number[]} [rounds] The steps there may be between two lines. */
export function valueAxis(format, rounds) {
  return {
    size: Y_AXIS,
    space: 36,
    font: axisFont(),
    stroke: () => colour("soft"),
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
    ...(rounds ? { incrs: rounds } : {}),
    values: (/** @type {any} */ _plot, /** @type {number[]} */ at) =>
      at.map((value) => (value === null ? "" : format(value))),
  };
}
