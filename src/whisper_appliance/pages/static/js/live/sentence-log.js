/** Announces captions to screen readers a sentence at a time, instead of each change of a word. */
import { element } from "../core/dom.js";

export const SENTENCE_END = /[.?!。？！…]["”’)]?$/;
const PAUSE_MILLISECONDS = 5000;
const KEPT_SENTENCES = 20;

export class SentenceLog {
  #words = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {HTMLElement} place A live region. */
  constructor(place) {
    this.place = place;
  }

  /** @param {string} language The tag of BCP 47 of the words; empty: unknown. */
  set language(language) {
    this.place.lang = language;
  }

  /** Adds committed words; what ends no sentence is announced after a pause. @param {string[]} words With their spaces. */
  add(words) {
    for (const word of words) {
      this.#words += word;
      if (SENTENCE_END.test(this.#words)) this.flush();
    }
    clearTimeout(this.#timer);
    if (this.#words) this.#timer = setTimeout(() => this.flush(), PAUSE_MILLISECONDS);
  }

  /** Announces the words that wait. */
  flush() {
    const sentence = this.#words.trim();
    this.#words = "";
    if (!sentence) return;
    this.place.append(element("p", sentence));
    while (this.place.childElementCount > KEPT_SENTENCES) this.place.firstElementChild?.remove();
  }

  /** Drops what waits and what was announced. */
  clear() {
    clearTimeout(this.#timer);
    this.#words = "";
    this.place.replaceChildren();
  }
}
