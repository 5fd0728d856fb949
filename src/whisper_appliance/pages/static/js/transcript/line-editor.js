/** Corrects the words of a line in place: double click or F2 begins, Enter or leaving saves, Escape drops. */

import { messageOf, request } from "../core/api.js";
import { element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { toast } from "../ui/toast.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {import("../core/api.js").ApiError} ApiError
 * @typedef {"POST /api/transcripts/{id}/undo" | "POST /api/transcripts/{id}/redo"} TakeBack
 */

const CHANGED_MEANWHILE = 412;
const NOTHING_LEFT = 409;
const MAX_CHARACTERS = 10_000;
const CHARACTERS_A_ROW = 60;

export class LineEditor {
  /** @type {{line: HTMLElement, text: HTMLElement, field: HTMLTextAreaElement, before: string} | null} */
  #edited = null;
  /** @type {Promise<void>} Saves go out one after the other. */
  #saved = Promise.resolve();

  /**
   * @param {HTMLElement} place Of the lines.
   * @param {{current: () => Transcript | undefined, reload: () => Promise<void>, pause: () => void,
   *   state: HTMLElement}} page `state` says what was saved.
   */
  constructor(place, page) {
    this.place = place;
    this.page = page;
    place.addEventListener("dblclick", (event) => this.edit(lineAround(event.target)));
    place.addEventListener("keydown", (event) => this.#onKeyDown(event));
    document.addEventListener("keydown", (event) => this.#onPageKeyDown(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.#edited && this.#edited.field.value !== this.#edited.before) event.preventDefault();
    });
  }

  /** @param {HTMLElement | null} line */
  edit(line) {
    const text = line?.querySelector("p");
    if (!line || !text || this.#edited?.line === line || this.page.current()?.access !== "own") return;
    if (this.#edited) void this.#finish(true);
    this.page.pause();
    const before = text.textContent?.trim() ?? "";
    const field = element("textarea");
    Object.assign(field, { value: before, maxLength: MAX_CHARACTERS, dir: "auto", spellcheck: true });
    field.rows = Math.max(1, Math.ceil(before.length / CHARACTERS_A_ROW)); // where `field-sizing` is not known
    field.setAttribute(
      "aria-label",
      t("Words at {time}", { time: line.querySelector("a")?.textContent ?? "" }),
    );
    field.addEventListener("blur", this.#onBlur);
    this.#edited = { line, text, field, before };
    text.hidden = true;
    text.after(field);
    field.focus();
    field.setSelectionRange(before.length, before.length);
  }

  /** The line after, or before, the one that has the focus. @param {1 | -1} by */
  #neighbour(by) {
    const lines = /** @type {HTMLElement[]} */ ([...this.place.querySelectorAll(".line")]);
    const edited = this.#edited?.line;
    return (edited && lines[lines.indexOf(edited) + by]) ?? null;
  }

  #onBlur = () => void this.#finish(true);

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    if (event.isComposing) return;
    if (!this.#edited) {
      if (event.key !== "F2") return;
      event.preventDefault();
      return this.edit(lineAround(event.target));
    }
    if (event.key === "Escape") void this.#finish(false);
    else if (event.key === "Enter") void this.#finish(true);
    else if (event.key === "Tab") {
      const next = this.#neighbour(event.shiftKey ? -1 : 1);
      void this.#finish(true, next?.id);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Undo and redo of what was saved; while a line is edited, the browser undoes its typing. @param {KeyboardEvent} event */
  #onPageKeyDown(event) {
    const inField = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (this.#edited || inField || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    void this.takeBack(
      key === "y" || event.shiftKey ? "POST /api/transcripts/{id}/redo" : "POST /api/transcripts/{id}/undo",
    );
  }

  /** @param {boolean} keep @param {string} [next] Id of the line that is edited then. */
  async #finish(keep, next) {
    const edited = this.#edited;
    if (!edited) return;
    this.#edited = null;
    const { line, text, field, before } = edited;
    const typed = field.value.replace(/\s+/g, " ").trim();
    field.removeEventListener("blur", this.#onBlur);
    field.remove();
    text.hidden = false;
    if (keep && typed !== before) {
      text.textContent = typed;
      this.#saved = this.#saved.then(() => this.#save(line, typed));
      await this.#saved;
    }
    const target = document.getElementById(next ?? line.id);
    if (next) this.edit(target);
    else target?.querySelector("a")?.focus();
  }

  /** @param {HTMLElement} line @param {string} text */
  async #save(line, text) {
    const transcript = this.page.current();
    const segment = transcript?.segments[Number(line.id.slice("at-".length))];
    if (!transcript || !segment) return;
    this.#show(t("Saving"));
    try {
      await request("PATCH /api/transcripts/{id}/segments", {
        path: { id: transcript.id },
        ifMatch: `"${transcript.revision}"`,
        body: { operations: [{ op: "replace_text", segment: segment.key, text }] },
      });
      this.#show(t("Saved"));
    } catch (error) {
      this.#reject(/** @type {ApiError} */ (error), text);
    }
    await this.page.reload();
  }

  /** @param {TakeBack} route */
  async takeBack(route) {
    const transcript = this.page.current();
    if (transcript?.access !== "own") return;
    try {
      await request(route, { path: { id: transcript.id }, ifMatch: `"${transcript.revision}"` });
      this.#show(route.endsWith("undo") ? t("Undone") : t("Redone"));
      await this.page.reload();
    } catch (error) {
      const { status } = /** @type {ApiError} */ (error);
      toast(status === NOTHING_LEFT ? t("There is nothing left to take back.") : messageOf(error));
    }
  }

  /** Shows what could not be saved, so that it is not lost. @param {ApiError} error @param {string} text */
  #reject(error, text) {
    this.#show("");
    const reason =
      error.status === CHANGED_MEANWHILE
        ? t("Somebody else changed these words meanwhile.")
        : messageOf(error);
    toast(t("Not saved: {reason} You wrote: “{text}”", { reason, text }));
  }

  /** @param {string} sentence */
  #show(sentence) {
    this.page.state.replaceChildren(element("span", sentence));
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
function lineAround(target) {
  return target instanceof Element ? target.closest(".line") : null;
}
