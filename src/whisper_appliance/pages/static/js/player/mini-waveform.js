/** A small waveform for a row of a list: a picture without controls. */

import { barsPath } from "./peaks.js";

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} heights A digit for each bar, from 0 to 9. @returns {SVGSVGElement} Of the class `mini-waveform`. */
export function miniWaveform(heights) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "mini-waveform");
  svg.setAttribute("viewBox", `0 -1 ${heights.length} 2`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", barsPath([...heights].map((digit) => Number(digit) / 9)));
  svg.append(path);
  return svg;
}
