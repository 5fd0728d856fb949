/** A transcript as text to copy: a line a paragraph, as in the download, with or without times and speakers. */

import { all, byId } from "../core/dom.js";
import { clock } from "../core/format.js";

/** @typedef {{times?: boolean, speakers?: boolean}} TextOptions */

/** @param {(options: TextOptions) => void} copy */
export function startCopyMenu(copy) {
  for (const item of all(byId("copy-menu"), "a")) {
    item.addEventListener("click", (event) => {
      event.preventDefault();
      const chosen = item.dataset.copy;
      if (chosen === undefined) print();
      else copy({ times: chosen.includes("times"), speakers: !chosen.includes("words") });
    });
  }
}

/**
 * @param {{segments: {start: number, text: string, speaker?: string | null}[], paragraphs: number[]}} transcript
 * @param {TextOptions} [options] A speaker is named where another one begins.
 * @returns {string}
 */
export function textOf({ segments, paragraphs }, { times = false, speakers = true } = {}) {
  let last = "";
  const lines = paragraphs.map((from, index) => {
    const group = segments.slice(from, paragraphs[index + 1]);
    const { start = 0, speaker = "" } = group[0] ?? {};
    const words = group.map(({ text }) => text).join("");
    const time = times ? `[${clock(start)}] ` : "";
    const name = speakers && speaker && speaker !== last ? `${speaker}: ` : "";
    last = speaker ?? "";
    return time + name + words.replace(/\s+/g, " ").trim();
  });
  return lines.join("\n");
}
