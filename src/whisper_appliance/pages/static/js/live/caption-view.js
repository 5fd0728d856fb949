/**
 * Captions: committed words, each in an element that never moves, and the partial hypothesis behind them.
 *
 * A paragraph begins at its first word and is never broken again. A final result replaces the text of the words that
 * it covers, by their times.
 */
import { all, element } from "../core/dom.js";
import { languageTag } from "../core/format.js";
import { SENTENCE_END, SentenceLog } from "./sentence-log.js";

const PARAGRAPH_GAP_SECONDS = 2;
const SENTENCE_GAP_SECONDS = 0.3;
const PARAGRAPH_WORDS = 70;
const PARAGRAPH_MAX_WORDS = 200;
const SAME_TIME_SECONDS = 0.05;

/** @typedef {import("./live-session.js").Word} Word */

/**
 * @param {{text: string, end: number} | undefined} last The last word before; undefined: there is none.
 * @param {number} start Of the next word.
 * @param {number} words How many the paragraph has.
 * @returns {boolean} Whether the next word begins a paragraph.
 */
export function isParagraphBreak(last, start, words) {
  if (!words) return false;
  const gap = last ? start - last.end : 0;
  if (gap >= PARAGRAPH_GAP_SECONDS) return true;
  if (!SENTENCE_END.test(last?.text ?? "")) return false;
  return words >= PARAGRAPH_MAX_WORDS || (words >= PARAGRAPH_WORDS && gap > SENTENCE_GAP_SECONDS);
}

/**
 * @param {number[]} starts Of the places that are to be filled, ascending; at least one.
 * @param {Word[]} words
 * @returns {string[]} The text of each place: every word goes to the last place that begins before it.
 */
export function distributeWords(starts, words) {
  const texts = starts.map(() => "");
  let place = 0;
  for (const { w, t0 } of words) {
    while (/** @type {number} */ (starts[place + 1] ?? Infinity) <= t0 + SAME_TIME_SECONDS) place += 1;
    texts[place] += w;
  }
  return texts;
}

export class CaptionView {
  /** @type {{start: number, end: number, place: HTMLElement}[]} */
  #words = [];
  #wordsInParagraph = 0;
  #partial = element("span", "", "tentative");
  /** @type {HTMLElement | null} */
  #paragraph = null;
  /** "translate": the words are English, whatever is spoken. */
  task = "transcribe";

  /** @param {HTMLElement} box @param {HTMLElement} log What screen readers announce. @param {() => void} onGrown */
  constructor(box, log, onGrown) {
    this.box = box;
    this.log = new SentenceLog(log);
    this.onGrown = onGrown;
    this.#partial.dir = "auto";
    this.clear();
  }

  /** The number of committed words. */
  get count() {
    return this.#words.length;
  }

  get text() {
    const paragraphs = all(this.box, "p:not(.break)").map((each) => each.textContent?.trim());
    return paragraphs.filter(Boolean).join("\n\n");
  }

  /** @param {string} language Spoken, by its code of Whisper; empty: unknown. */
  set language(language) {
    const tag = languageTag(language, this.task);
    this.box.lang = tag;
    this.log.language = tag;
  }

  clear() {
    this.box.replaceChildren();
    this.log.clear();
    this.#words = [];
    this.#paragraph = null;
  }

  /** What follows belongs to a new session; the captions before stay. @param {string} sentence */
  startNewSession(sentence) {
    this.#partial.remove();
    this.box.append(element("p", sentence, "break"));
    this.#words = [];
    this.#paragraph = null;
  }

  /** Shows all committed words anew. @param {{words?: Word[], finals?: {i0: number, i1: number, language?: string, words: Word[]}[]}} snapshot */
  show({ words = [], finals = [] }) {
    this.clear();
    this.commit({ i: 0, words });
    for (const final of finals) this.replace(final);
    this.log.clear(); // what was there before is not read out again
  }

  /** @param {string} kind @param {any} payload Of a `live:` event. */
  apply(kind, payload) {
    if (kind === "commit") this.commit(payload);
    else if (kind === "partial") this.showPartial(payload);
    else if (kind === "final") this.replace(payload);
    else if (kind === "end") this.log.flush();
  }

  /** @param {{i: number, words: Word[]}} commit The index of its first word, and the words. */
  commit({ i, words }) {
    if (i !== this.#words.length || !words.length) return;
    for (const word of words) this.#add(word);
    this.log.add(words.map(({ w }) => w));
    const committed = words.map(({ w }) => w).join("");
    const partial = this.#partial.textContent ?? "";
    this.#partial.textContent = partial.startsWith(committed) ? partial.slice(committed.length) : "";
    this.onGrown();
  }

  /** @param {Word} word */
  #add({ w, t0, t1 }) {
    const paragraph = this.#paragraphFor(t0);
    const place = element("span", w);
    if (this.#partial.parentNode === paragraph) this.#partial.before(place);
    else paragraph.append(place);
    this.#words.push({ start: t0, end: t1, place });
    this.#wordsInParagraph += 1;
  }

  /** @param {number} start Of a word. @returns {HTMLElement} */
  #paragraphFor(start) {
    const last = this.#words.at(-1);
    const lastWord = last && { text: last.place.textContent ?? "", end: last.end };
    if (this.#paragraph && !isParagraphBreak(lastWord, start, this.#wordsInParagraph)) return this.#paragraph;
    this.#paragraph = element("p");
    this.#paragraph.dir = "auto";
    this.#wordsInParagraph = 0;
    this.box.append(this.#paragraph);
    return this.#paragraph;
  }

  /** @param {{after: number, text: string, t0: number}} partial The hypothesis after so many committed words. */
  showPartial({ after, text, t0 }) {
    if (after !== this.#words.length) return;
    if (text) {
      const paragraph = this.#paragraphFor(t0);
      if (paragraph.lastChild !== this.#partial) paragraph.append(this.#partial);
    }
    this.#partial.textContent = text;
    this.onGrown();
  }

  /** @param {{i0: number, i1: number, language?: string, words: Word[]}} final Replaces the committed words from i0 to before i1. */
  replace({ i0, i1, language, words }) {
    if (language) this.language = language;
    const places = this.#words.slice(i0, i1);
    if (!places.length) return;
    const starts = places.map(({ start }) => start);
    const texts = distributeWords(starts, words);
    places.forEach(({ place }, index) => {
      if (place.textContent !== texts[index]) place.textContent = texts[index] ?? "";
    });
    this.onGrown();
  }
}
