/** The dialog of chapters: adds, names, moves and removes them, each time all as one change that can be taken back. */

import { ApiError, messageOf, request } from "../core/api.js";
import { button, byId, dialogById, element, formById, icon } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { isEditable } from "./edits.js";
import { preciseClock, secondsOf } from "./precise-times.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}/chapters"]} Chapters
 * @typedef {{start: number, title: string}} Wanted Without a title, it is named by its first words.
 */

const MAX_CHARACTERS = 200;
const CHANGED_MEANWHILE = 412;

/** @param {Chapters | null | undefined} chapters @returns {Wanted[]} As they are sent back. */
export const wantedOf = (chapters) =>
  (chapters?.chapters ?? []).map(({ start, title, named }) => ({ start, title: named ? title : "" }));

export class ChaptersDialog {
  /**
   * @param {{current: () => Transcript | undefined, seconds: () => number, changed: (chapters: Chapters) => void,
   *   pause: () => void}} page `seconds` is where a new chapter goes; `changed` shows the chapters as they are now.
   */
  constructor(page) {
    this.page = page;
    this.dialog = dialogById("chapters-dialog");
    this.form = formById("chapter-form");
    this.list = byId("chapters-edited");
    closeOnClick(byId("chapters-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-chapters"));
    byId("open-chapters").addEventListener("click", () => this.open());
    byId("chapters-reset").addEventListener("click", () => void this.#reset());
    onSubmit(this.form, ({ start = "", title = "" }) => this.#add(start, title));
  }

  /** Opens the list, with an empty chapter for the line with the focus, or the second that is heard. */
  open() {
    if (!isEditable(this.page.current()) || this.dialog.open) return;
    this.page.pause();
    this.#startNew();
    this.show();
    this.dialog.showModal();
    this.#field("title").focus();
  }

  /** Shows the chapters as they are now; rows that are the same stay, with what is typed in them. */
  show() {
    const chapters = this.page.current()?.chapters;
    byId("chapters-reset").hidden = !chapters?.by_hand;
    byId("chapters-none").hidden = Boolean(chapters?.chapters.length);
    byId("chapters-automatic").hidden = Boolean(chapters?.by_hand || !chapters?.chapters.length);
    const shown = this.list.dataset.shown;
    const now = JSON.stringify(chapters);
    if (shown === now) return;
    this.list.dataset.shown = now;
    this.list.replaceChildren(...(chapters?.chapters ?? []).map((chapter, at) => this.#row(chapter, at)));
  }

  /** @param {"start" | "title"} name @returns {HTMLInputElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  #startNew() {
    this.form.reset();
    this.#field("start").value = preciseClock(this.page.seconds());
    showFormError(this.form, "");
  }

  /** @returns {Wanted[]} */
  get #wanted() {
    return wantedOf(this.page.current()?.chapters);
  }

  /** @param {string} start @param {string} title */
  async #add(start, title) {
    await this.#save([...this.#wanted, { start: secondsIn(start), title: title.trim() }]);
    this.#startNew();
    this.#field("title").focus();
  }

  /** @param {Chapters["chapters"][number]} chapter @param {number} place */
  #row(chapter, place) {
    const item = element("li");
    const form = element("form", undefined, "chapter-row");
    form.noValidate = true;
    const time = clock(chapter.start);
    const start = field("start", preciseClock(chapter.start), t("Start of the chapter at {time}", { time }));
    const title = field("title", chapter.title, t("Title of the chapter at {time}", { time }));
    title.maxLength = MAX_CHARACTERS;
    title.dir = "auto";
    const error = element("p", undefined, "field-error");
    error.setAttribute("role", "alert");
    const remove = button("", "quiet square small", () => void this.#remove(place));
    remove.title = t("Remove the chapter at {time}", { time });
    remove.setAttribute("aria-label", remove.title);
    remove.append(icon("trash-2"));
    form.append(start, title, element("button", t("Save"), "button small"), remove, error);
    onSubmit(form, async (data) => {
      const typed = (data.title ?? "").trim();
      const isSame = typed === chapter.title && !chapter.named;
      const changed = { start: secondsIn(data.start ?? ""), title: isSame ? "" : typed };
      await this.#save(this.#wanted.map((each, at) => (at === place ? changed : each)));
      this.#focusRow(changed.start);
    });
    item.append(form);
    return item;
  }

  /** @param {number} start */
  #focusRow(start) {
    const place = this.#wanted.findIndex((each) => Math.abs(each.start - start) < 0.01);
    const row = this.list.children[Math.max(0, place)];
    (row?.querySelector("button") ?? byId("chapters-close")).focus();
  }

  /** @param {number} place */
  async #remove(place) {
    const before = this.#wanted;
    try {
      await this.#save(before.filter((_, at) => at !== place));
      toast(t("Chapter removed."), { label: t("Undo"), run: () => void this.#takeBack(before) });
    } catch (error) {
      toast(messageOf(error));
    }
    const near = this.list.children[Math.max(0, place - 1)];
    (near?.querySelector("button") ?? byId("chapters-close")).focus();
  }

  async #reset() {
    const before = this.#wanted;
    try {
      await this.#save(null);
      toast(t("The chapters begin at the long pauses again."), {
        label: t("Undo"),
        run: () => void this.#takeBack(before),
      });
    } catch (error) {
      toast(messageOf(error));
    }
    byId("chapters-close").focus();
  }

  /** @param {Wanted[]} before */
  async #takeBack(before) {
    await this.#save(before).catch((error) => toast(messageOf(error)));
  }

  /** @param {Wanted[] | null} chapters All of them; null: those at long pauses. */
  async #save(chapters) {
    const transcript = this.page.current();
    if (!transcript) return;
    const path = { id: transcript.id };
    const ifMatch = `"${transcript.chapters?.revision ?? 0}"`;
    try {
      const route = "PUT /api/transcripts/{id}/chapters";
      this.page.changed(await request(route, { path, ifMatch, body: { chapters } }));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== CHANGED_MEANWHILE) throw error;
      this.page.changed(await request("GET /api/transcripts/{id}/chapters", { path }));
      throw new ApiError(t("Somebody else changed the chapters meanwhile. They are here now: try again."));
    }
  }
}

/** @param {string} text @returns {number} Seconds. */
function secondsIn(text) {
  const seconds = secondsOf(text);
  if (seconds === null) throw new ApiError(t("Write a time as 1:02.5 or 0:01:02.5."), { field: "start" });
  return seconds;
}

/** @param {string} name @param {string} value @param {string} label */
function field(name, value, label) {
  const input = element("input");
  Object.assign(input, { name, value, autocomplete: "off" });
  input.setAttribute("aria-label", label);
  return input;
}
