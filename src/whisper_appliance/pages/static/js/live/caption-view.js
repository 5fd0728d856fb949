/**
 * Words as they come: settled ones, each in a place of its own that never moves, and the tentative ones behind them.
 *
 * A paragraph begins at its first word and is never broken anew. A better hearing of a stretch goes into the places of the
 * words that it replaces, by its times.
 */
import { element } from "../core/dom.js";

const PARAGRAPH_GAP_SECONDS = 2;
const PARAGRAPH_WORDS = 70;
const PARAGRAPH_MOST_WORDS = 200;
const SENTENCE_END = /[.?!。？！…]["”’)]?$/;

/** @typedef {import("./live-session.js").Word} Word */

export class LiveWords {
  /** @type {{start: number, end: number, place: HTMLElement}[]} */
  #words = [];
  #inParagraph = 0;
  #tentative = element("span", "", "tentative");
  /** @type {HTMLElement | null} */
  #paragraph = null;

  /** @param {HTMLElement} box @param {() => void} onGrown */
  constructor(box, onGrown) {
    this.box = box;
    this.onGrown = onGrown;
    this.#tentative.setAttribute("aria-live", "off");
    this.#tentative.dir = "auto";
    this.clear();
  }

  /** How many words are settled. */
  get count() {
    return this.#words.length;
  }

  get text() {
    return [...this.box.querySelectorAll("p:not(.break)")]
      .map((each) => each.textContent?.trim())
      .filter(Boolean)
      .join("\n\n");
  }

  clear() {
    this.box.replaceChildren();
    this.#words = [];
    this.#paragraph = null;
  }

  /** What follows belongs to another session; what is there stays. @param {string} sentence */
  beginAnew(sentence) {
    this.#tentative.remove();
    this.box.append(element("p", sentence, "break"));
    this.#words = [];
    this.#paragraph = null;
  }

  /** @param {any} snapshot All words so far. */
  show(snapshot) {
    this.clear();
    this.commit({ i: 0, words: snapshot.words ?? [] });
    for (const final of snapshot.finals ?? []) this.final(final);
  }

  /** @param {string} kind @param {any} payload An event of the appliance. */
  take(kind, payload) {
    if (kind === "commit") this.commit(payload);
    else if (kind === "partial") this.partial(payload);
    else if (kind === "final") this.final(payload);
  }

  /** @param {{i: number, words: Word[]}} settled */
  commit({ i, words }) {
    if (i !== this.#words.length || !words.length) return;
    for (const word of words) this.#add(word);
    const settled = words.map((word) => word.w).join("");
    const tentative = this.#tentative.textContent ?? "";
    this.#tentative.textContent = tentative.startsWith(settled) ? tentative.slice(settled.length) : "";
    this.onGrown();
  }

  /** @param {Word} word */
  #add(word) {
    const paragraph = this.#paragraphFor(word.t0);
    const place = element("span", word.w);
    if (this.#tentative.parentNode === paragraph) this.#tentative.before(place);
    else paragraph.append(place);
    this.#words.push({ start: word.t0, end: word.t1, place });
    this.#inParagraph += 1;
  }

  /** @param {number} start @returns {HTMLElement} The paragraph of a word that begins then. */
  #paragraphFor(start) {
    const last = this.#words.at(-1);
    const gap = last ? start - last.end : 0;
    const sentenceEnded = SENTENCE_END.test(last?.place.textContent ?? "");
    const full =
      sentenceEnded &&
      (this.#inParagraph >= PARAGRAPH_MOST_WORDS || (this.#inParagraph >= PARAGRAPH_WORDS && gap > 0.3));
    if (this.#paragraph && (!this.#inParagraph || (gap < PARAGRAPH_GAP_SECONDS && !full)))
      return this.#paragraph;
    this.#paragraph = element("p");
    this.#paragraph.dir = "auto";
    this.#inParagraph = 0;
    this.box.append(this.#paragraph);
    return this.#paragraph;
  }

  /** @param {{after: number, text: string, t0: number}} tentative */
  partial({ after, text, t0 }) {
    if (after !== this.#words.length) return;
    if (text) {
      const paragraph = this.#paragraphFor(t0);
      if (paragraph.lastChild !== this.#tentative) paragraph.append(this.#tentative);
    }
    this.#tentative.textContent = text;
    this.onGrown();
  }

  /** @param {{i0: number, i1: number, words: Word[]}} better */
  final({ i0, i1, words }) {
    const places = this.#words.slice(i0, i1);
    if (!places.length) return;
    const texts = places.map(() => "");
    let at = 0;
    for (const word of words) {
      while (at + 1 < places.length && places[at + 1].start <= word.t0 + 0.05) at += 1;
      texts[at] += word.w;
    }
    places.forEach(({ place }, index) => {
      if (place.textContent !== texts[index]) place.textContent = texts[index];
    });
    this.onGrown();
  }
}
