/** The words of a transcript: a line a phrase, its time in the margin, drawn only where one looks. */
import { element } from "../core/dom.js";
import { clock } from "../core/format.js";

const LINES_A_CHUNK = 40;
const UNSURE_BELOW = 0.4;

/** @param {import("../core/api.js").Segment} segment @returns {boolean[]} Which of its words the model was unsure of. */
function unsureWords(segment) {
  return (segment.words ?? []).map((word) => word.probability < UNSURE_BELOW);
}

/** @param {import("../core/api.js").Segment} segment @returns {(Node | string)[]} */
function wordsOf(segment) {
  const unsure = unsureWords(segment);
  if (!unsure.includes(true)) return [segment.text.trim()];
  return segment.words.map((word, index) => {
    if (!unsure[index]) return word.word;
    const mark = element("span", word.word.trim(), "unsure");
    mark.title = `The model was unsure of this word (${clock(word.start)})`;
    const joined = new DocumentFragment();
    joined.append(word.word.startsWith(" ") ? " " : "", mark);
    return joined;
  });
}

/** @param {import("../core/api.js").Segment} segment @param {number} index */
function line(segment, index) {
  const row = element("div", undefined, "line");
  row.id = `at-${index}`;
  const time = element("a", clock(segment.start));
  time.href = `#at-${index}`;
  const words = element("p");
  words.dir = "auto";
  words.append(...wordsOf(segment));
  row.append(time, words);
  return row;
}

/**
 * @param {HTMLElement} place
 * @param {import("../core/api.js").Segment[]} segments
 * @returns {number} How many words are marked as unsure.
 */
export function showLines(place, segments) {
  const chunks = [];
  for (let from = 0; from < segments.length; from += LINES_A_CHUNK) {
    const chunk = element("div", undefined, "chunk");
    chunk.append(
      ...segments.slice(from, from + LINES_A_CHUNK).map((segment, index) => line(segment, from + index)),
    );
    chunks.push(chunk);
  }
  place.replaceChildren(...chunks);
  return segments.flatMap(unsureWords).filter(Boolean).length;
}
