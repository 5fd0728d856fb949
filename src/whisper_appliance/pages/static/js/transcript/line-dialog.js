/** The dialog of one line: when it is said, and by whom. */

import { byId, dialogById, element, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { preciseClock, secondsOf } from "./precise-times.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("./edits.js").Operations} Operations
 * @typedef {import("./edits.js").Segment} Segment
 */

export class LineDialog {
  /** @type {Segment | undefined} */
  #segment;

  /** @param {Edits} edits */
  constructor(edits) {
    this.edits = edits;
    this.dialog = dialogById("line-dialog");
    this.form = formById("line-form");
    closeOnClick(byId("line-close"));
    closeOnBackdrop(this.dialog);
    this.dialog.addEventListener("close", () => {
      const line = this.#segment && edits.lineOf(this.#segment.key);
      line?.querySelector("a")?.focus();
    });
    onSubmit(this.form, (data) => this.#save(data));
  }

  /** @param {Segment | undefined} segment */
  open(segment) {
    if (!segment || !this.edits.isAllowed) return;
    this.#segment = segment;
    this.form.reset();
    showFormError(this.form, "");
    this.#field("start").value = preciseClock(segment.start);
    this.#field("end").value = preciseClock(segment.end);
    this.#field("speaker").value = segment.speaker ?? "";
    byId("speaker-names").replaceChildren(
      ...this.edits.speakers.map((name) => Object.assign(element("option"), { value: name })),
    );
    this.dialog.showModal();
    this.#field("speaker").select();
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  /** @param {Record<string, string>} data */
  async #save({ start = "", end = "", speaker = "", scope = "" }) {
    const segment = this.#segment;
    if (!segment) return;
    const [from, until] = [secondsOf(start), secondsOf(end)];
    const wrong = from === null ? "start" : until === null ? "end" : "";
    if (from === null || until === null)
      return showFormError(this.form, t("Write a time as 1:02.5 or 0:01:02.5."), wrong);
    /** @type {Operations} */
    const operations = [];
    if (start !== preciseClock(segment.start) || end !== preciseClock(segment.end))
      operations.push({ op: "set_times", segment: segment.key, start: from, end: until });
    const segments = this.#scope(segment, scope);
    if (segments.some((each) => (each.speaker ?? "") !== speaker.trim()))
      operations.push({
        op: "set_speaker",
        segments: segments.map(({ key }) => key),
        speaker: speaker.trim(),
      });
    if (operations.length && !(await this.edits.apply(operations))) return;
    this.dialog.close();
  }

  /** @param {Segment} segment @param {string} scope @returns {Segment[]} Whose speaker is named. */
  #scope(segment, scope) {
    const { segments } = this.edits;
    const at = segments.findIndex(({ key }) => key === segment.key);
    if (scope === "onward") return segments.slice(at);
    if (scope !== "turn") return [segment];
    const next = segments.findIndex((each, place) => place > at && each.speaker !== segment.speaker);
    return segments.slice(at, next < 0 ? undefined : next);
  }
}
