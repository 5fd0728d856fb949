/**
 * Corrects a line in place: double click or F2 begins, Enter or leaving saves, Escape drops.
 * While it is edited, it can be split at the cursor, joined with its neighbours, deleted, and followed by a new one.
 */

import { button, element, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("./edits.js").Operations} Operations
 * @typedef {import("./edits.js").Segment} Segment
 * @typedef {{line: HTMLElement, field: HTMLTextAreaElement, bar: HTMLElement, segment: Segment, isNew: boolean}} Edited
 */

const MAX_CHARACTERS = 10_000;
const CHARACTERS_A_ROW = 60;

export class LineEditor {
  /** @type {Edited | null} */
  #edited = null;

  /**
   * @param {HTMLElement} place Of the lines.
   * @param {Edits} edits
   * @param {{pause: () => void, details: (segment: Segment) => void, corrected: (before: Segment, after: string) => void}} page
   *   `details` opens times and speaker of a line; `corrected` learns what a line was before, and its words afterwards.
   */
  constructor(place, edits, page) {
    this.place = place;
    this.edits = edits;
    this.page = page;
    place.addEventListener("dblclick", (event) => void this.edit(lineAround(event.target)));
    place.addEventListener("keydown", (event) => this.#onKeyDown(event));
    document.addEventListener("keydown", (event) => this.#onPageKeyDown(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.#edited && typed(this.#edited) !== before(this.#edited)) event.preventDefault();
    });
  }

  /** The line with the focus. @returns {HTMLElement | null} */
  get focused() {
    return lineAround(document.activeElement);
  }

  /** @param {HTMLElement | null} line @param {number} [cursor] In characters; left out: at the end. */
  async edit(line, cursor) {
    if (line && this.#edited?.line === line) return;
    const [now, segment] = (await this.#settled(line)) ?? [];
    if (!now || !segment) return;
    this.#open(now, segment, false);
    const at = cursor ?? MAX_CHARACTERS;
    this.#edited?.field.setSelectionRange(at, at);
  }

  /** Opens an empty line after one. @param {HTMLElement | null} line */
  async insertAfter(line) {
    const [now, segment] = (await this.#settled(line)) ?? [];
    if (!now || !segment) return;
    const added = element("div", undefined, "line");
    added.append(element("span"), element("p"));
    now.after(added);
    this.#open(added, segment, true);
  }

  /** @param {HTMLElement | null} line */
  async remove(line) {
    const segment = this.edits.segmentOf(line);
    if (!segment || !this.edits.isAllowed) return;
    const next = this.#neighbour(segment, 1) ?? this.#neighbour(segment, -1);
    this.#close();
    await this.edits.apply([{ op: "delete", segments: [segment.key] }]);
    if (next) focusTime(this.edits.lineOf(next.key));
  }

  /**
   * Saves what is edited and waits until the page shows it, because lines are made anew then.
   * @param {HTMLElement | null} line
   * @returns {Promise<[HTMLElement, Segment] | null>} The line as it is then; null: it cannot be edited.
   */
  async #settled(line) {
    const key = this.edits.segmentOf(line)?.key;
    if (key === undefined || !this.edits.isAllowed) return null;
    await this.#finish(true, null);
    await this.edits.settled;
    const now = this.edits.lineOf(key);
    const segment = this.edits.segmentOf(now);
    return now && segment && !this.#edited ? [now, segment] : null;
  }

  /** @param {HTMLElement} line @param {Segment} segment @param {boolean} isNew */
  #open(line, segment, isNew) {
    this.page.pause();
    const text = /** @type {HTMLElement} */ (line.querySelector("p"));
    const words = isNew ? "" : segment.text.trim();
    const field = element("textarea");
    Object.assign(field, { value: words, maxLength: MAX_CHARACTERS, dir: "auto", spellcheck: true });
    field.rows = Math.max(1, Math.ceil(words.length / CHARACTERS_A_ROW)); // where `field-sizing` is not known
    const time = line.querySelector("a")?.textContent ?? "";
    field.setAttribute("aria-label", isNew ? t("Words of the new line") : t("Words at {time}", { time }));
    field.addEventListener("blur", this.#onBlur);
    const bar = isNew ? element("div") : this.#bar(line);
    this.#edited = { line, field, bar, segment, isNew };
    text.hidden = true;
    text.after(field);
    line.append(bar);
    field.focus();
    line.scrollIntoView({ block: "nearest" }); // above the player
  }

  /** What a pointer can do with a line; the field keeps the focus. @param {HTMLElement} line */
  #bar(line) {
    const bar = element("div", undefined, "line-actions");
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", t("This line"));
    bar.addEventListener("pointerdown", (event) => event.preventDefault());
    bar.addEventListener("mousedown", (event) => event.preventDefault());
    bar.append(
      tool(t("Split at the cursor"), "square-split-vertical", () => void this.#split()),
      tool(t("Join with the line before"), "arrow-up", () => void this.#merge(-1)),
      tool(t("Join with the line after"), "arrow-down", () => void this.#merge(1)),
      tool(t("New line after"), "plus", () => void this.insertAfter(line)),
      tool(t("Times and speaker"), "clock", () => void this.#openDetails()),
      tool(t("Delete this line"), "trash-2", () => void this.remove(line)),
    );
    return bar;
  }

  async #openDetails() {
    const key = this.#edited?.segment.key;
    await this.#finish(true);
    const segment = this.edits.segments.find((each) => each.key === key);
    if (segment) this.page.details(segment);
  }

  /** @param {Segment} segment @param {1 | -1} by */
  #neighbour(segment, by) {
    const { segments } = this.edits;
    return segments[segments.findIndex(({ key }) => key === segment.key) + by];
  }

  #onBlur = () => this.#leave();

  #leave() {
    if (this.#edited) void this.#finish(true, null);
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    if (event.isComposing) return;
    if (!this.#edited) {
      if (event.key !== "F2") return;
      event.preventDefault();
      return void this.edit(lineAround(event.target));
    }
    if (!this.#onFieldKey(event, this.#edited)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event @param {Edited} edited @returns {boolean} Whether the key was one of ours. */
  #onFieldKey({ key, ctrlKey, metaKey, shiftKey }, edited) {
    const { field, segment, line } = edited;
    const isEmptySelection = field.selectionStart === field.selectionEnd;
    const isAtStart = isEmptySelection && field.selectionStart === 0;
    const isAtEnd = isEmptySelection && field.selectionStart === field.value.length;
    if (key === "Escape") void this.#finish(false);
    else if (key === "Enter" && (ctrlKey || metaKey)) void this.#split();
    else if (key === "Enter" && shiftKey) void this.insertAfter(line);
    else if (key === "Enter") void this.#finish(true);
    else if (key === "Backspace" && isAtStart) void this.#merge(-1);
    else if (key === "Delete" && isAtEnd) void this.#merge(1);
    else if (key === "Tab") void this.#finish(true, this.#neighbour(segment, shiftKey ? -1 : 1)?.key);
    else return false;
    return true;
  }

  /** Undo and redo of what was saved; while a line is edited, the browser undoes its typing. @param {KeyboardEvent} event */
  #onPageKeyDown(event) {
    const inField = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (this.#edited || inField || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    void this.edits.takeBack(
      key === "y" || event.shiftKey ? "POST /api/transcripts/{id}/redo" : "POST /api/transcripts/{id}/undo",
    );
  }

  async #split() {
    const edited = this.#edited;
    if (!edited || edited.isNew) return;
    const { segment, field } = edited;
    const first = oneLine(field.value.slice(0, field.selectionStart));
    const second = oneLine(field.value.slice(field.selectionStart));
    if (!first || !second) return;
    const text = `${first} ${second}`;
    const key = newKey();
    this.#close();
    const saved = await this.edits.apply(
      [...rewording(segment, text), { op: "split", segment: segment.key, at: [...first].length, new: key }],
      text,
    );
    await this.edit(this.edits.lineOf(saved ? key : segment.key), 0);
  }

  /** @param {1 | -1} by */
  async #merge(by) {
    const edited = this.#edited;
    const other = edited && !edited.isNew && this.#neighbour(edited.segment, by);
    const text = edited ? typed(edited) : "";
    if (!edited || !other || !text) return;
    const [first, second] = by > 0 ? [edited.segment, other] : [other, edited.segment];
    const cursor = by > 0 ? text.length : other.text.trim().length;
    this.#close();
    const saved = await this.edits.apply(
      [...rewording(edited.segment, text), { op: "merge", segment: first.key, following: second.key }],
      text,
    );
    await this.edit(this.edits.lineOf(saved ? first.key : edited.segment.key), cursor);
  }

  /** Takes the field away. @returns {Edited | null} What was edited. */
  #close() {
    const edited = this.#edited;
    if (!edited) return null;
    this.#edited = null;
    const { line, field, bar, isNew } = edited;
    field.removeEventListener("blur", this.#onBlur);
    field.remove();
    bar.remove();
    /** @type {HTMLElement} */ (line.querySelector("p")).hidden = false;
    if (isNew) line.remove();
    return edited;
  }

  /**
   * @param {boolean} keep
   * @param {string | null} [next] Key of the line that is edited then; null: the focus stays where it is.
   */
  async #finish(keep, next) {
    const edited = this.#close();
    if (!edited) return;
    const text = typed(edited);
    let key = edited.segment.key;
    if (keep && text !== before(edited)) {
      const added = newKey();
      if (!edited.isNew) /** @type {HTMLElement} */ (edited.line.querySelector("p")).textContent = text;
      const saved = await this.edits.apply(
        edited.isNew ? [{ op: "insert", after: key, text, new: added }] : rewording(edited.segment, text),
        text,
      );
      if (saved && edited.isNew) key = added;
      else if (saved) this.page.corrected(edited.segment, text);
    }
    if (next) await this.edit(this.edits.lineOf(next));
    else if (next !== null) focusTime(this.edits.lineOf(key));
  }
}

/** @param {Segment} segment @param {string} text @returns {Operations} */
function rewording(segment, text) {
  return text === segment.text.trim() ? [] : [{ op: "replace_text", segment: segment.key, text }];
}

/** @param {Edited} edited @returns {string} The words in the field. */
const typed = ({ field }) => oneLine(field.value);

/** @param {Edited} edited @returns {string} The words that were there. */
const before = ({ segment, isNew }) => (isNew ? "" : oneLine(segment.text));

/** @param {string} text */
const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** @returns {string} A key for a new segment. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");
}

/** @param {HTMLElement | null} line */
function focusTime(line) {
  line?.querySelector("a")?.focus();
}

/** @param {string} label @param {string} sign @param {() => void} run */
function tool(label, sign, run) {
  const created = button("", "quiet square small", run);
  created.title = label;
  created.setAttribute("aria-label", label);
  created.append(icon(sign));
  return created;
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
function lineAround(target) {
  return target instanceof Element ? target.closest(".line") : null;
}
