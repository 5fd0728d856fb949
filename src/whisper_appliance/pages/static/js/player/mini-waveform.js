/** A small waveform for a row of a list: a picture without controls. */

import { barHeights, barsPath } from "./peaks.js";

const SVG = "http://www.w3.org/2000/svg";

/** @param {import("./peaks.js").Peaks} peaks @param {number} [bars] @returns {SVGSVGElement} Of the class `mini-waveform`. */
export function miniWaveform(peaks, bars = 40) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "mini-waveform");
  svg.setAttribute("viewBox", `0 -1 ${bars} 2`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", barsPath(barHeights(peaks, bars)));
  svg.append(path);
  return svg;
}
