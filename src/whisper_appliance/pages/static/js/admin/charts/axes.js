/** Sizes and axes that all charts share. */

/**
 * @typedef {import("./theme-colours.js").ThemeColours} ThemeColours
 * @typedef {import("uplot").Axis} Axis
 */

const VALUE_AXIS_PIXELS = 56;
const TIME_AXIS_PIXELS = 28;
const LEAST_WIDTH = 120;
const LEAST_HEIGHT = 60;

/** @param {HTMLElement} box Its height is set in the style sheet. */
export function sizeOf(box) {
  return {
    width: Math.max(LEAST_WIDTH, box.clientWidth),
    height: Math.max(LEAST_HEIGHT, box.clientHeight),
  };
}

/** @param {number | null} largest @returns {number} The top of a scale, with some room above the largest value. */
export function scaleTop(largest) {
  return largest && largest > 0 ? largest * 1.15 : 1;
}

/** The time axis, but for its values. @param {ThemeColours} colours @returns {Axis} */
export function timeAxis(colours) {
  return {
    size: TIME_AXIS_PIXELS,
    font: colours.axisFont(),
    stroke: () => colours.colour("soft"),
    grid: { show: false },
    ticks: { show: false },
  };
}

/**
 * @param {ThemeColours} colours
 * @param {(value: number) => string} format
 * @param {number[]} [steps] The distances there may be between two lines.
 * @returns {Axis}
 */
export function valueAxis(colours, format, steps) {
  return {
    size: VALUE_AXIS_PIXELS,
    space: 36,
    font: colours.axisFont(),
    stroke: () => colours.colour("soft"),
    grid: { stroke: () => colours.colour("line"), width: 1 },
    ticks: { show: false },
    ...(steps ? { incrs: steps } : {}),
    values: (_plot, values) => values.map((value) => (value === null ? "" : format(value))),
  };
}
