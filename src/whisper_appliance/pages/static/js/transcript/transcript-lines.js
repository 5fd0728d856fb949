/**
 * The words of a transcript as paragraphs to read, their times in the margin. Each segment is a `.line` with
 * the id `at-PLACE`. Only those near the viewport are in the page.
 */

import { all, element } from "../core/dom.js";
import { clock, languageTag } from "../core/format.js";
import { t } from "../core/i18n.js";
import { WindowedBlocks } from "../ui/windowed-blocks.js";

const LINES_PER_CHUNK = 20; // a chunk is in the page as a whole
const LOW_PROBABILITY = 0.4;
const CHARACTERS_A_ROW = 60;
const ROW_PIXELS = 30;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {Transcript["segments"][number]} Segment
 * @typedef {Segment["words"][number]} Word
 * @typedef {Pick<Transcript, "segments" | "paragraphs" | "language"> & {task?: string}} Shown
 * @typedef {{nodesAfter: (place: number) => Node[], sourceAfter: (place: number) => readonly unknown[]}} Beside What
 *   stands after a line (-1: before the first), and what it is made from: while that is the same, it stays as it is.
 */

/** @type {Beside} */
const NOTHING_BESIDE = { nodesAfter: () => [], sourceAfter: () => [] };

/** @param {Word} word @returns {boolean} Low confidence. */
export const isUnsure = (word) => word.probability < LOW_PROBABILITY;

/** @param {Segment} segment @returns {string[] | null} Its words where one is marked; null: its text is shown as it is. */
function markedWords({ words = [] }) {
  if (!words.some(isUnsure)) return null;
  return words.map(({ word }, index) => (index ? word : word.trimStart()));
}

/** @param {Segment} segment @returns {string} Its words as they are in the page. */
const shownText = (segment) => markedWords(segment)?.join("") ?? segment.text.trim();

/** @param {Segment} segment @returns {(Node | string)[]} Its words; those of low confidence are marked. */
function wordNodes(segment) {
  const { words = [] } = segment;
  const spoken = markedWords(segment);
  if (!spoken) return [shownText(segment)];
  return words.map((word, index) => {
    const text = spoken[index] ?? "";
    if (!isUnsure(word)) return text;
    const mark = element("span", text.trim(), "unsure");
    mark.title = t("The model was unsure of this word ({start})", { start: clock(word.start) });
    const spaced = new DocumentFragment();
    spaced.append(text.startsWith(" ") ? " " : "", mark);
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
  if (segment.language && segment.language !== language) words.lang = languageTag(segment.language);
  words.append(...wordNodes(segment));
  line.append(time, words);
  return line;
}

/** @param {Segment} segment @param {boolean} isFirst Of its paragraph. @returns {string} What stands before it. */
const gapBefore = ({ text }, isFirst) => (!isFirst && /^\s/.test(text) ? " " : "");

/** The lines of a transcript in the page. Fires `filled` when some of them were put there, made anew. */
export class TranscriptLines extends EventTarget {
  /** @type {Segment[]} */
  #segments = [];
  /** @type {number[]} Places of the segments that start a paragraph. */
  #starts = [];
  /** @type {number[][]} As `chunksOf` makes them. */
  #chunks = [];

  /** @param {HTMLElement} place @param {Beside} [beside] */
  constructor(place, beside = NOTHING_BESIDE) {
    super();
    this.place = place;
    this.beside = beside;
    this.blocks = new WindowedBlocks(place, () => this.dispatchEvent(new Event("filled")));
    document.addEventListener("click", (event) => this.#onClick(event), true);
    addEventListener("hashchange", () => this.#lineOfHash()?.scrollIntoView());
  }

  /** @param {Shown} transcript @returns {number} The number of words of low confidence. */
  show({ segments, paragraphs, task, language }) {
    const tag = languageTag(language, task);
    this.place.lang = tag;
    this.#segments = segments;
    this.#starts = paragraphs;
    this.#chunks = chunksOf(paragraphs, segments.length);
    if (segments.length) {
      this.place.setAttribute("role", "feed"); // because it is longer than the part that is in the page
      this.place.setAttribute("aria-label", t("Words"));
      this.blocks.show(this.#chunks.map((starts) => this.#content(starts, tag)));
    } else this.#showNone();
    return segments.flatMap(({ words = [] }) => words).filter(isUnsure).length;
  }

  #showNone() {
    for (const name of ["role", "aria-label"]) this.place.removeAttribute(name);
    this.blocks.show([]);
    this.place.append(element("p", t("No speech was found in this recording."), "empty"));
    this.place.append(...this.beside.nodesAfter(-1));
  }

  /** The line of a segment, put into the page where it is not yet. @param {number} place @returns {HTMLElement | null} */
  lineAt(place) {
    this.blocks.fill(this.#chunks.findIndex((starts) => (starts.at(-1) ?? 0) > place));
    return this.shownLineAt(place);
  }

  /** The same, if it is in the page. @param {number} place @returns {HTMLElement | null} */
  shownLineAt(place) {
    return document.getElementById(`at-${place}`);
  }

  /** Before the lines are made anew. @returns {() => void} Afterwards: what was at the top of the window is there again. */
  holdPlace() {
    const top = scrollY;
    const line = all(this.place, ".line[id]").find((each) => each.getBoundingClientRect().bottom > 0);
    const key = line && this.#segments[Number(line.id.slice("at-".length))]?.key;
    const before = line?.getBoundingClientRect().top ?? 0;
    return () => {
      const now = key === undefined ? -1 : this.#segments.findIndex((segment) => segment.key === key);
      const moved = this.shownLineAt(now)?.getBoundingClientRect().top;
      if (line && moved !== undefined) scrollBy({ top: moved - before, behavior: "instant" });
      else scrollTo({ top, behavior: "instant" });
    };
  }

  /** Goes to the line that the address names, if it names one. */
  showAddressed() {
    const line = this.#lineOfHash();
    line?.scrollIntoView();
    if (line) location.replace(location.href); // marks it as the target
  }

  /** @returns {string[]} The words of each paragraph as they are in the page, without times and speaker. */
  get paragraphTexts() {
    return this.#starts.map((from, index) =>
      this.#segments
        .slice(from, this.#starts[index + 1])
        .map((segment, at) => gapBefore(segment, !at) + shownText(segment))
        .join(""),
    );
  }

  /** @param {number} index @returns {Element | null} The paragraph, put into the page. */
  paragraphAt(index) {
    return this.lineAt(this.#starts[index] ?? -1)?.closest(".paragraph") ?? null;
  }

  /** @returns {Map<number, Element>} The paragraphs that are in the page, by number. */
  get shownParagraphs() {
    const shown = all(this.place, ".paragraph");
    return new Map(shown.map((each) => [Number(each.getAttribute("aria-posinset")) - 1, each]));
  }

  /** @param {string} [hash] */
  #lineOfHash(hash = location.hash) {
    const named = /^#at-(\d+)$/.exec(hash);
    return named ? this.lineAt(Number(named[1])) : null;
  }

  /** A link to a line leads somewhere only if the line is in the page. @param {MouseEvent} event */
  #onClick({ target, ctrlKey, metaKey, shiftKey }) {
    const link = target instanceof Element ? target.closest('a[href^="#at-"]') : null;
    if (!link || ctrlKey || metaKey || shiftKey) return;
    this.#lineOfHash(link.getAttribute("href") ?? "")?.scrollIntoView();
  }

  /** @param {number[]} starts @param {string} language @returns {import("../ui/windowed-blocks.js").Content} */
  #content(starts, language) {
    const [from = 0, stop = 0] = [starts[0], starts.at(-1)];
    const characters = this.#segments.slice(from, stop).reduce((sum, { text }) => sum + text.length, 0);
    const places = Array.from({ length: stop - from }, (_, at) => from + at);
    const beside = [...(from ? [] : [-1]), ...places].flatMap((place) => this.beside.sourceAfter(place));
    return {
      key: this.#segments[from]?.key ?? String(from),
      source: [
        language,
        this.#starts.indexOf(from),
        this.#starts.length,
        ...starts,
        ...this.#segments.slice(from, stop),
        ...beside,
      ],
      pixels: Math.ceil((characters / CHARACTERS_A_ROW + starts.length) * ROW_PIXELS),
      render: () =>
        starts.slice(0, -1).map((start, at) => this.#paragraph(start, starts[at + 1] ?? stop, language)),
    };
  }

  /** @param {number} from @param {number} to @param {string} language Of the whole. */
  #paragraph(from, to, language) {
    const paragraph = element("div", undefined, "paragraph");
    paragraph.dir = "auto";
    paragraph.setAttribute("role", "article");
    paragraph.setAttribute("aria-posinset", String(this.#starts.indexOf(from) + 1));
    paragraph.setAttribute("aria-setsize", String(this.#starts.length));
    const speaker = this.#segments[from]?.speaker;
    if (speaker) paragraph.append(element("strong", speaker, "speaker"));
    if (!from) this.#appendAfter(paragraph, -1);
    this.#segments.slice(from, to).forEach((segment, index) => {
      paragraph.append(gapBefore(segment, !index), lineOf(segment, from + index, language));
      this.#appendAfter(paragraph, from + index);
    });
    return paragraph;
  }

  /** @param {Element} paragraph @param {number} place */
  #appendAfter(paragraph, place) {
    for (const node of this.beside.nodesAfter(place)) paragraph.append(" ", node);
  }
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
