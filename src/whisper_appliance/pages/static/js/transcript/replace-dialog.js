/** Find and replace: shows each line with the words, and replaces in one of them or in all, as one correction. */

import { button, byId, dialogById, element, formById } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { formData, onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { isDoubtful, isKnown } from "./expected-words.js";
import { correctedWords, replacements } from "./replace-words.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("./edits.js").Segment} Segment
 * @typedef {import("./expected-words.js").ExpectedWords} ExpectedWords
 * @typedef {ReturnType<typeof replacements<Segment>>[number]} Found
 */

const MAX_SHOWN = 100;
const MAX_OPERATIONS = 5000; // of one request

export class ReplaceDialog {
  /** @param {Edits} edits @param {ExpectedWords} expected */
  constructor(edits, expected) {
    this.edits = edits;
    this.expected = expected;
    this.dialog = dialogById("replace-dialog");
    this.form = formById("replace-form");
    this.list = byId("replace-list");
    closeOnClick(byId("replace-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-replace"));
    this.form.addEventListener("input", () => this.#show());
    onSubmit(this.form, () => this.#replace(this.#found()));
  }

  open() {
    if (!this.edits.isAllowed || this.dialog.open) return;
    this.#show();
    this.dialog.showModal();
    this.#field("words").select();
  }

  /**
   * Offers to correct a mistake wherever else it is; a doubtful word that is nowhere else is offered as vocabulary.
   * @param {Segment} before @param {string} after The words of the same line.
   */
  offer(before, after) {
    const corrected = correctedWords(oneLine(before.text), after);
    if (!corrected) return;
    const wanted = { ...corrected, matchCase: true, wholeWords: true };
    const found = replacements(this.edits.segments, wanted);
    if (!found.length) return this.#offerNew(before, corrected);
    const sentence = tn(
      "“{words}” is in {count} other line.",
      "“{words}” is in {count} other lines.",
      found.length,
      {
        words: corrected.words,
      },
    );
    toast(sentence, {
      label: t("Correct all alike"),
      run: () => void this.#replace(found, corrected.replacement),
    });
  }

  /** @param {Segment} before @param {{words: string, replacement: string}} corrected */
  #offerNew(before, { words, replacement }) {
    const others = this.edits.segments.filter(({ key }) => key !== before.key);
    if (isDoubtful(before, words) && !isKnown([before, ...others], replacement))
      void this.expected.offer(replacement);
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  /** @returns {Found[]} */
  #found() {
    const { words = "", replacement = "", case: matchCase, whole } = formData(this.form);
    const wanted = { words, replacement, matchCase: Boolean(matchCase), wholeWords: Boolean(whole) };
    return replacements(this.edits.segments, wanted);
  }

  #show() {
    const found = this.#found();
    const places = found.reduce((sum, { count }) => sum + count, 0);
    byId("replace-count").textContent = this.#field("words").value.trim()
      ? tn("{count} place", "{count} places", places)
      : "";
    this.list.replaceChildren(...found.slice(0, MAX_SHOWN).map((each) => this.#row(each)));
  }

  /** @param {Found} found */
  #row(found) {
    const item = element("li");
    const words = element("p", found.text);
    words.dir = "auto";
    const time = clock(found.line.start);
    const one = button(t("Replace"), "button", () => void this.#replaceOne(found));
    one.setAttribute("aria-label", t("Replace at {time}", { time }));
    item.append(element("span", time, "facts"), words, one);
    return item;
  }

  /** @param {Found} found */
  async #replaceOne(found) {
    const place = this.#found().findIndex(({ line }) => line.key === found.line.key);
    await this.#replace([found]);
    (this.list.querySelectorAll("button")[place] ?? byId("replace-close")).focus();
  }

  /** @param {Found[]} found @param {string} [word] That was corrected everywhere, which is offered as vocabulary. */
  async #replace(found, word = "") {
    if (!found.length) return;
    if (found.length > MAX_OPERATIONS)
      return toast(t("These are too many lines at once: look for longer words."));
    const saved = await this.edits.apply(
      found.map(({ line, text }) => ({ op: "replace_text", segment: line.key, text })),
    );
    const offer = saved && word ? await this.expected.offerFor(word) : undefined;
    if (saved) toast(tn("Replaced in {count} line.", "Replaced in {count} lines.", found.length), offer);
    this.#show();
  }
}

/** @param {string} text */
const oneLine = (text) => text.replace(/\s+/g, " ").trim();
