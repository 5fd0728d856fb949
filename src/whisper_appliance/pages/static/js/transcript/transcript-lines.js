/** The lines of a transcript: a line a segment, its time in the margin. The browser renders only what is in view. */

import { element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";

const LINES_PER_CHUNK = 40; // a chunk is rendered as a whole (CSS content-visibility)
const LOW_PROBABILITY = 0.4;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]["segments"][number]} Segment
 * @typedef {Segment["words"][number]} Word
 */

/** @param {Word} word @returns {boolean} Low confidence. */
const isUnsure = (word) => word.probability < LOW_PROBABILITY;

/** @param {Segment} segment @returns {(Node | string)[]} Its words; those of low confidence are marked. */
function wordNodes({ text, words = [] }) {
  if (!words.some(isUnsure)) return [text.trim()];
  return words.map((word) => {
    if (!isUnsure(word)) return word.word;
    const mark = element("span", word.word.trim(), "unsure");
    mark.title = t("The model was unsure of this word ({start})", { start: clock(word.start) });
    const spaced = new DocumentFragment();
    spaced.append(word.word.startsWith(" ") ? " " : "", mark);
    return spaced;
  });
}

/** @param {Segment} segment @param {number} index */
function lineOf(segment, index) {
  const line = element("div", undefined, "line");
  line.id = `at-${index}`;
  const time = element("a", clock(segment.start));
  time.href = `#at-${index}`;
  const words = element("p");
  words.dir = "auto";
  words.append(...wordNodes(segment));
  line.append(time, words);
  return line;
}

/** @param {HTMLElement} place @param {Segment[]} segments @returns {number} The number of words of low confidence. */
export function showLines(place, segments) {
  const chunks = [];
  for (let from = 0; from < segments.length; from += LINES_PER_CHUNK) {
    const chunk = element("div", undefined, "chunk");
    const lines = segments.slice(from, from + LINES_PER_CHUNK);
    chunk.append(...lines.map((segment, index) => lineOf(segment, from + index)));
    chunks.push(chunk);
  }
  place.replaceChildren(...chunks);
  if (!segments.length) place.append(element("p", t("No speech was found in this recording."), "empty"));
  return segments.flatMap(({ words = [] }) => words).filter(isUnsure).length;
}
