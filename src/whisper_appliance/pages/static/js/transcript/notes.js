/** Notes at a second of the recording: in their places between the lines, and as a list to jump, write and correct. */

import { ApiError, messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { button, byId, dialogById, element, formById, icon, showFacts } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { segmentAt } from "../player/follow-words.js";
import { confirmed } from "../ui/confirm.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { preciseClock, secondsOf } from "./precise-times.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {Transcript["notes"][number]} Note
 */

const ADDRESS = /^#note-([0-9a-f]{32})$/;

/** @param {Transcript | undefined} transcript @returns {boolean} Whether the reader may write notes. */
export const mayComment = (transcript) => Boolean(transcript && transcript.access !== "read");

/**
 * @param {readonly Note[]} before @param {readonly Note[]} after
 * @returns {Note[]} The notes as they are now; those that are as they were are the same objects.
 */
export function withSame(before, after) {
  const known = new Map(before.map((note) => [note.id, note]));
  return after.map((note) => {
    const same = known.get(note.id);
    return same && JSON.stringify(same) === JSON.stringify(note) ? same : note;
  });
}

/** @param {readonly {start: number, end: number, text: string}[]} segments @param {readonly Note[]} notes @returns {Map<number, Note[]>} By the place of the line that they stand after; -1: before the first. */
export function notePlaces(segments, notes) {
  /** @type {Map<number, Note[]>} */
  const places = new Map();
  for (const note of notes) {
    const place = segmentAt(segments, note.start);
    places.set(place, [...(places.get(place) ?? []), note]);
  }
  return places;
}

export class Notes {
  /** @type {Map<number, Note[]>} */
  #places = new Map();
  /** @type {Note | null} The one that is corrected. */
  #edited = null;

  /**
   * @param {{current: () => Transcript | undefined, seconds: () => number, seek: (seconds: number) => void,
   *   lineAt: (place: number) => HTMLElement | null, changed: (notes: Note[]) => void}} page
   *   `seconds` is where a new note goes; `changed` shows the notes as they are now.
   */
  constructor(page) {
    this.page = page;
    this.dialog = dialogById("notes-dialog");
    this.form = formById("note-form");
    closeOnClick(byId("notes-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-notes"));
    byId("open-notes").addEventListener("click", () => this.open());
    byId("note-cancel").addEventListener("click", () => this.#startNew());
    onSubmit(this.form, (data) => this.#save(data));
    this.form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    addEventListener("hashchange", () => this.goToAddressed());
  }

  /** @param {Transcript} transcript */
  show(transcript) {
    const { notes = [], segments } = transcript;
    this.#places = notePlaces(segments, notes);
    byId("open-notes").hidden = !mayComment(transcript) && !notes.length;
    byId("notes-count").textContent = notes.length ? `(${notes.length})` : "";
    if (this.dialog.open) this.#list();
  }

  /** @param {number} place Of a line. @returns {readonly unknown[]} What `nodesAfter` is made from. */
  sourceAfter(place) {
    return this.#places.get(place) ?? [];
  }

  /** @param {number} place Of a line; -1: before the first. @returns {HTMLElement[]} The notes after it. */
  nodesAfter(place) {
    return (this.#places.get(place) ?? []).map((note) => this.#node(note));
  }

  /** Opens the list, with an empty note for the second that is heard, or the line with the focus. */
  open() {
    const transcript = this.page.current();
    if (this.dialog.open || !transcript || byId("open-notes").hidden) return;
    this.form.hidden = !mayComment(transcript);
    this.#startNew();
    this.#list();
    this.dialog.showModal();
    if (!this.form.hidden) this.#field("text").focus();
  }

  /** Goes to the note that the address names. @returns {boolean} Whether it names one. */
  goToAddressed() {
    const id = ADDRESS.exec(location.hash)?.[1];
    const note = this.#notes.find((each) => each.id === id);
    if (note) this.#goTo(note);
    return Boolean(note);
  }

  /** @returns {Note[]} */
  get #notes() {
    return this.page.current()?.notes ?? [];
  }

  /** @param {"text" | "start"} name */
  #field(name) {
    return /** @type {HTMLTextAreaElement | HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  #startNew() {
    this.#fill(null, this.page.seconds(), "");
  }

  /** @param {Note | null} edited @param {number} start @param {string} text */
  #fill(edited, start, text) {
    this.#edited = edited;
    this.#field("start").value = preciseClock(start);
    this.#field("text").value = text;
    byId("note-cancel").hidden = !edited;
    byId("note-save").textContent = edited ? t("Save") : t("Add note");
    showFormError(this.form, "");
  }

  /** @param {Record<string, string>} data */
  async #save({ text = "", start = "" }) {
    const transcript = this.page.current();
    const seconds = secondsOf(start);
    if (!transcript) return;
    if (seconds === null) throw new ApiError(t("Write a time as 1:02.5 or 0:01:02.5."), { field: "start" });
    const [path, body] = [{ id: transcript.id }, { start: seconds, text }];
    const edited = this.#edited;
    const note = edited
      ? await request("PUT /api/transcripts/{id}/notes/{note}", { path: { ...path, note: edited.id }, body })
      : await request("POST /api/transcripts/{id}/notes", { path, body });
    this.#startNew();
    this.#take([...this.#notes.filter(({ id }) => id !== note.id), note]);
    this.#field("text").focus();
  }

  /** @param {Note[]} notes */
  #take(notes) {
    this.page.changed(notes.sort((one, other) => one.start - other.start));
  }

  /** @param {Note} note */
  async #delete(note) {
    const transcript = this.page.current();
    if (!transcript) return;
    const question = { title: t("Delete this note?"), text: note.text, action: t("Delete") };
    if (!note.mine && !(await confirmed(question))) return;
    try {
      await request("DELETE /api/transcripts/{id}/notes/{note}", {
        path: { id: transcript.id, note: note.id },
      });
      this.#take(this.#notes.filter(({ id }) => id !== note.id));
      if (this.#edited?.id === note.id) this.#startNew();
      (this.dialog.open ? byId("notes-close") : byId("open-notes")).focus();
      if (note.mine) toast(t("Note deleted."), { label: t("Undo"), run: () => void this.#writeAgain(note) });
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** @param {Note} note */
  async #writeAgain({ start, text }) {
    const transcript = this.page.current();
    if (!transcript) return;
    try {
      const note = await request("POST /api/transcripts/{id}/notes", {
        path: { id: transcript.id },
        body: { start, text },
      });
      this.#take([...this.#notes.filter(({ id }) => id !== note.id), note]);
    } catch (error) {
      toast(messageOf(error));
    }
  }

  /** @param {Note} note */
  #correct(note) {
    if (!this.dialog.open) this.open();
    this.#fill(note, note.start, note.text);
    this.#field("text").focus();
  }

  /** @param {Note} note */
  #goTo(note) {
    this.dialog.close();
    const place = segmentAt(this.page.current()?.segments ?? [], note.start);
    this.page.lineAt(Math.max(0, place));
    this.page.seek(note.start);
    const shown = document.getElementById(`note-${note.id}`);
    shown?.scrollIntoView({ block: "center" });
    shown?.focus({ preventScroll: true });
  }

  /** @param {Note} note */
  #node(note) {
    const node = element("div", undefined, "note");
    node.id = `note-${note.id}`;
    node.tabIndex = -1;
    node.lang = document.documentElement.lang;
    node.setAttribute("role", "note");
    node.setAttribute("aria-label", labelOf(note));
    const facts = element("p", undefined, "facts");
    showFacts(facts, [authorOf(note), clock(note.start)]);
    node.append(facts, textOf(note), this.#actions(note));
    return node;
  }

  #list() {
    const notes = this.#notes;
    byId("notes-none").hidden = notes.length > 0;
    byId("notes-list").replaceChildren(
      ...notes.map((note) => {
        const item = element("li", undefined, "note-row");
        const jump = element("a", clock(note.start));
        jump.href = `#note-${note.id}`;
        jump.setAttribute("aria-label", t("Go to {note}", { note: labelOf(note) }));
        jump.addEventListener("click", () => this.#goTo(note));
        const facts = element("p", undefined, "facts");
        showFacts(facts, [authorOf(note), dayAndTime(note.created), note.changed ? t("changed") : null]);
        item.append(jump, facts, textOf(note), this.#actions(note));
        return item;
      }),
    );
  }

  /** @param {Note} note */
  #actions(note) {
    const actions = element("div", undefined, "note-actions");
    const isOwn = this.page.current()?.access === "own";
    if (note.mine)
      actions.append(tool(t("Correct {note}", { note: labelOf(note) }), "pencil", () => this.#correct(note)));
    if (note.mine || isOwn)
      actions.append(
        tool(t("Delete {note}", { note: labelOf(note) }), "trash-2", () => void this.#delete(note)),
      );
    return actions;
  }
}

/** @param {Note} note @returns {string} */
const authorOf = ({ author, mine }) => (mine ? t("You") : (author ?? t("Somebody")));

/** @param {Note} note @returns {string} */
const labelOf = (note) =>
  note.mine
    ? t("your note at {time}", { time: clock(note.start) })
    : t("note of {author} at {time}", { author: authorOf(note), time: clock(note.start) });

/** @param {Note} note */
function textOf({ text }) {
  const shown = element("p", text, "note-text");
  shown.dir = "auto";
  return shown;
}

/** @param {string} label @param {string} sign @param {() => void} run */
function tool(label, sign, run) {
  const created = button("", "quiet square small", run);
  created.title = label;
  created.setAttribute("aria-label", label);
  created.append(icon(sign));
  return created;
}
