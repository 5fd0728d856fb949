/** The lines of a translation beside those of a transcript, which a button hides and shows. */

import { byId, element } from "../core/dom.js";
import { languageName } from "../core/format.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";

const IS_HIDDEN = "translation-is-hidden";

/** A `Beside` of `TranscriptLines`. */
export class TranslationBeside {
  /** @type {readonly string[]} */
  #lines = [];
  #language = ""; // empty: there is none

  /** @param {() => void} changed Shows the transcript's lines as they are now. */
  constructor(changed) {
    byId("show-translation").addEventListener("click", () => {
      if (this.isShown) writeStored(IS_HIDDEN, true);
      else this.reveal();
      this.show(this.#lines, this.#language);
      changed();
    });
  }

  get isShown() {
    return this.#language !== "" && !readStored(IS_HIDDEN, false);
  }

  /** Forgets that it was hidden. */
  reveal() {
    writeStored(IS_HIDDEN, false);
  }

  /**
   * To be called before the transcript's lines are shown, because they ask for what stands after them.
   * @param {readonly string[]} lines One for each of the transcript's. @param {string} language Empty: there is no translation.
   */
  show(lines, language) {
    this.#lines = lines;
    this.#language = language;
    const button = byId("show-translation");
    button.hidden = !language;
    if (language)
      byId("show-translation-line").textContent = t("{language} beside", {
        language: languageName(language),
      });
    button.setAttribute("aria-pressed", String(this.isShown));
    byId("words").classList.toggle("with-translation", this.isShown);
  }

  /** @param {number} place Of a line; -1: before the first. @returns {readonly unknown[]} What `nodesAfter` is made from. */
  sourceAfter(place) {
    return this.isShown ? [this.#lines[place] ?? ""] : [];
  }

  /** @param {number} place Of a line; -1: before the first. @returns {HTMLElement[]} What stands beside it. */
  nodesAfter(place) {
    const line = this.isShown ? this.#lines[place] : "";
    if (!line) return [];
    const translated = element("p", line, "translated");
    translated.lang = this.#language;
    translated.dir = "auto";
    return [translated];
  }
}
