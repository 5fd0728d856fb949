/** Time chart: lines over the last minutes or the last day. Follows the theme, the size of its box, and the pointer. */
import uPlot from "../../../vendor/uplot.esm.js";
import { timeOfDay } from "../../core/datetime.js";
import { scaleTop, sizeOf, timeAxis, valueAxis } from "./axes.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const TIME_STEPS = [1, 2, 5, 10, 30].map((minutes) => minutes * MINUTE);
const HOUR_STEPS = [1, 2, 3, 6, 12].map((hours) => hours * HOUR);

/**
 * @typedef {import("./theme-colours.js").ThemeColours} ThemeColours
 *
 * @typedef {Object} TimeChartOptions
 * @property {ThemeColours} theme
 * @property {string[]} colours The name of a theme's colour for each line.
 * @property {(value: number) => string} format Of the value axis.
 * @property {() => number | undefined} [top] The top of the scale; undefined: a little above the largest value.
 * @property {number[]} [steps] The distances there may be between two lines of the grid.
 * @property {boolean} [stepped] Lines as steps, for counts.
 * @property {boolean} [dots] Points without lines between distant ones.
 * @property {(index: number | null) => void} onPoint The sample that is pointed at.
 */

export class TimeChart {
  #seconds = 600;

  /** @param {HTMLElement} box @param {TimeChartOptions} options */
  constructor(box, { theme, colours, format, top = () => undefined, steps, stepped, dots, onPoint }) {
    const axis = {
      ...timeAxis(theme),
      space: 64,
      values: (/** @type {uPlot} */ _plot, /** @type {number[]} */ times) =>
        times.map((seconds) => timeOfDay(new Date(seconds * 1000).toISOString())),
      incrs: [...TIME_STEPS, ...HOUR_STEPS],
    };
    const lines = colours.map((name, number) =>
      lineSeries(theme, name, { stepped, dots, filled: number === 0 && !dots }),
    );
    this.plot = new uPlot(
      {
        ...sizeOf(box),
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: "overview" }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
        scales: {
          x: { time: true, range: (_plot, _first, last) => [last - this.#seconds, last] },
          y: { range: (_plot, _least, largest) => [0, top() ?? scaleTop(largest)] },
        },
        axes: [axis, valueAxis(theme, format, steps)],
        series: [{}, ...lines],
        hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
      },
      [[], ...colours.map(() => [])],
      box,
    );
    new ResizeObserver(() => this.plot.setSize(sizeOf(box))).observe(box);
    theme.onChange(() => this.plot.redraw(false));
  }

  /** @param {number[]} times Seconds since 1970. @param {(number | null)[][]} lines @param {number} seconds That are shown. */
  show(times, lines, seconds) {
    this.#seconds = seconds;
    this.plot.setData([times, ...lines]);
  }
}

/**
 * @param {ThemeColours} theme
 * @param {string} name
 * @param {{stepped?: boolean, dots?: boolean, filled: boolean}} style
 * @returns {uPlot.Series}
 */
function lineSeries(theme, name, { stepped, dots, filled }) {
  return {
    stroke: () => theme.colour(name),
    fill: filled ? () => theme.colour(name, 0.12) : undefined,
    width: 1.75,
    paths: stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined,
    points: { show: dots ?? false, size: 5, fill: () => theme.colour(name) },
  };
}
