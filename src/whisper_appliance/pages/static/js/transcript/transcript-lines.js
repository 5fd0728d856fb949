/**
 * The words of a transcript as paragraphs to read, their times in the margin. Each segment is a `.line` with
 * the id `at-PLACE`. The browser renders only what is in view.
 */

import { element } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";

const LINES_PER_CHUNK = 40; // a chunk is rendered as a whole (CSS content-visibility)
const LOW_PROBABILITY = 0.4;
const CHARACTERS_A_ROW = 60;
const ROW_PIXELS = 30;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {Transcript["segments"][number]} Segment
 * @typedef {Segment["words"][number]} Word
 * @typedef {Pick<Transcript, "segments" | "paragraphs" | "language"> & {task?: string}} Shown
 */

/** @param {Word} word @returns {boolean} Low confidence. */
export const isUnsure = (word) => word.probability < LOW_PROBABILITY;

/** @param {Segment} segment @returns {(Node | string)[]} Its words; those of low confidence are marked. */
function wordNodes({ text, words = [] }) {
  if (!words.some(isUnsure)) return [text.trim()];
  return words.map((word, index) => {
    const spoken = index ? word.word : word.word.trimStart();
    if (!isUnsure(word)) return spoken;
    const mark = element("span", spoken.trim(), "unsure");
    mark.title = t("The model was unsure of this word ({start})", { start: clock(word.start) });
    const spaced = new DocumentFragment();
    spaced.append(spoken.startsWith(" ") ? " " : "", mark);
    return spaced;
  });
}

/** @param {Segment} segment @param {number} place @param {string} language Of the whole. */
function lineOf(segment, place, language) {
  const line = element("div", undefined, "line");
  line.id = `at-${place}`;
  const time = element("a", clock(segment.start));
  time.href = `#at-${place}`;
  const words = element("p");
  words.setAttribute("role", "none"); // because the paragraph is around it
  if (segment.language && segment.language !== language) words.lang = tagOf(segment.language);
  words.append(...wordNodes(segment));
  line.append(time, words);
  return line;
}

/** @param {string} code Of Whisper. @returns {string} The tag of BCP 47. */
const tagOf = (code) => (code === "jw" ? "jv" : code);

/** @param {Segment[]} segments @param {number} from @param {number} to @param {string} language Of the whole. */
function paragraphOf(segments, from, to, language) {
  const paragraph = element("div", undefined, "paragraph");
  paragraph.dir = "auto";
  paragraph.setAttribute("role", "paragraph");
  const speaker = segments[from]?.speaker;
  if (speaker) paragraph.append(element("strong", speaker, "speaker"));
  segments.slice(from, to).forEach((segment, index) => {
    if (index && /^\s/.test(segment.text)) paragraph.append(" ");
    paragraph.append(lineOf(segment, from + index, language));
  });
  return paragraph;
}

/** @param {HTMLElement} place @param {Shown} transcript @returns {number} The number of words of low confidence. */
export function showLines(place, transcript) {
  const { segments, paragraphs, task } = transcript;
  const language = task === "translate" ? "en" : transcript.language;
  place.lang = tagOf(language);
  const chunks = chunksOf(paragraphs, segments.length).map((starts) => {
    const chunk = element("div", undefined, "chunk");
    const stop = starts.at(-1) ?? 0;
    const rows =
      segments.slice(starts[0], stop).reduce((sum, { text }) => sum + text.length, 0) / CHARACTERS_A_ROW;
    chunk.style.containIntrinsicBlockSize = `auto ${Math.ceil((rows + starts.length) * ROW_PIXELS)}px`;
    chunk.append(
      ...starts
        .slice(0, -1)
        .map((from, index) => paragraphOf(segments, from, starts[index + 1] ?? stop, language)),
    );
    return chunk;
  });
  place.replaceChildren(...chunks);
  if (!segments.length) place.append(element("p", t("No speech was found in this recording."), "empty"));
  return segments.flatMap(({ words = [] }) => words).filter(isUnsure).length;
}

/**
 * @param {readonly number[]} starts Places of the segments that start a paragraph. @param {number} count Of segments.
 * @returns {number[][]} For each chunk where its paragraphs start, and where the last one ends.
 */
export function chunksOf(starts, count) {
  /** @type {number[][]} */
  const chunks = [];
  let chunk = starts.slice(0, 1);
  for (const stop of [...starts.slice(1), count]) {
    chunk.push(stop);
    if (stop - (chunk[0] ?? 0) < LINES_PER_CHUNK && stop < count) continue;
    chunks.push(chunk);
    chunk = [stop];
  }
  return count ? chunks : [];
}
