/**
 * Corrects a line in place: double click or F2 begins, Enter or leaving saves, Escape drops.
 * While it is edited, it can be split at the cursor, joined with its neighbours, deleted, and followed by a new one.
 * If others change the line meanwhile, the field stays, and both texts are there to choose from. What cannot be saved is in
 * its field again.
 */

import { button, element, icon } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { changedNotice, deletedNotice } from "./edit-conflict.js";
import { authorOf } from "./others-changes.js";

/**
 * @typedef {import("./edits.js").Edits} Edits
 * @typedef {import("./edits.js").Operations} Operations
 * @typedef {import("./edits.js").Segment} Segment
 * @typedef {{line: HTMLElement, field: HTMLTextAreaElement, bar: HTMLElement, segment: Segment, isNew: boolean,
 *   notice: HTMLElement | null, isConflict: boolean}} Edited `segment` is the one before that is typed; `isConflict`:
 *   others changed it since, and nobody has chosen yet.
 */

const MAX_CHARACTERS = 10_000;
const CHARACTERS_A_ROW = 60;

export class LineEditor {
  /** @type {Edited | null} */
  #edited = null;
  #isComposing = false;
  /** @type {Promise<unknown>} Of the last line; ends when its field is open again, if it could not be saved. */
  #saving = Promise.resolve();

  /**
   * @param {HTMLElement} place Of the lines.
   * @param {Edits} edits
   * @param {{pause: () => void, details: (segment: Segment) => void, corrected: (before: Segment, after: string) => void,
   *   composed: () => void}} page
   *   `details` opens times and speaker of a line; `corrected` learns what a line was before, and its words afterwards;
   *   `composed`: an input method has ended.
   */
  constructor(place, edits, page) {
    this.place = place;
    this.edits = edits;
    this.page = page;
    place.addEventListener("dblclick", (event) => void this.edit(lineAround(event.target)));
    place.addEventListener("keydown", (event) => this.#onKeyDown(event));
    document.addEventListener("keydown", (event) => this.#onPageKeyDown(event));
    place.addEventListener("compositionstart", () => {
      this.#isComposing = true;
    });
    place.addEventListener("compositionend", () => {
      this.#isComposing = false;
      page.composed();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.#edited && typed(this.#edited) !== unchanged(this.#edited)) event.preventDefault();
    });
  }

  /** Whether an input method is at work in the field, which a move of the field would end. */
  get isComposing() {
    return Boolean(this.#edited && this.#isComposing);
  }

  /**
   * Keeps what is edited open while the lines are made anew.
   * @param {() => void} show Makes them anew, e.g. because others changed them. @param {string} author Who did.
   */
  keepOpen(show, author) {
    const edited = this.#edited;
    if (!edited) return show();
    const { field, segment } = edited;
    const before = this.#keysUpTo(segment.key);
    const focused = edited.line.contains(document.activeElement) ? document.activeElement : null;
    const { selectionStart, selectionEnd } = field;
    field.removeEventListener("blur", this.#onBlur);
    show();
    this.#putBack(edited, before, author);
    if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (focused === field) field.setSelectionRange(selectionStart, selectionEnd);
    field.addEventListener("blur", this.#onBlur);
  }

  /** @param {string} key @returns {string[]} The key of a segment and of those before it, the nearest first. */
  #keysUpTo(key) {
    const keys = this.edits.segments.map((segment) => segment.key);
    return keys.slice(0, Math.max(0, keys.indexOf(key)) + 1).reverse();
  }

  /** @param {string[]} keys @returns {string} The first one whose segment is still there; none: empty. */
  #firstOf(keys) {
    return keys.find((key) => this.edits.segments.some((segment) => segment.key === key)) ?? "";
  }

  /** @param {Edited} edited @param {string[]} before Keys of its segment, and of those before it, the nearest first. @param {string} author */
  #putBack(edited, before, author) {
    const now = this.edits.segments.find(({ key }) => key === edited.segment.key);
    if (!now && !edited.isNew && typed(edited) === unchanged(edited)) return void this.#close();
    if (!now || edited.isNew) return this.#putBackAsNew(edited, before, author);
    const line = this.edits.lineOf(now.key);
    if (line && line !== edited.line) this.#moveTo(edited, line);
    if (now.text === edited.segment.text || typed(edited) === oneLine(now.text)) this.#resolve(edited, now);
    else if (typed(edited) === unchanged(edited)) {
      edited.field.value = oneLine(now.text);
      this.#resolve(edited, now);
    } else this.#showConflict(edited, now, author);
  }

  /** Its line is gone: its words stay as those of a new line. @param {Edited} edited @param {string[]} before @param {string} author */
  #putBackAsNew(edited, before, author) {
    const key = this.#firstOf(before);
    const isDeleted = !edited.isNew;
    edited.segment = { ...edited.segment, key };
    edited.isNew = true;
    if (edited.line.isConnected) return;
    const line = isDeleted ? emptyLine() : edited.line;
    this.#placeAfter(key, line);
    if (!isDeleted) return;
    edited.bar.remove();
    edited.bar = element("div");
    this.#moveTo(edited, line);
    this.#showNotice(edited, deletedNotice(author));
  }

  /** @param {string} key Of a segment; empty: as the first. @param {HTMLElement} line */
  #placeAfter(key, line) {
    const previous = key ? this.edits.lineOf(key) : null;
    if (previous) previous.after(line);
    else this.place.prepend(line);
  }

  /** @param {Edited} edited @param {HTMLElement} line */
  #moveTo(edited, line) {
    const { field, bar, notice } = edited;
    const text = /** @type {HTMLElement} */ (line.querySelector("p"));
    edited.line = line;
    text.hidden = true;
    text.after(field);
    line.append(...(notice ? [notice] : []), bar);
  }

  /** @param {Edited} edited @param {Segment} theirs @param {string} author */
  #showConflict(edited, theirs, author) {
    edited.isConflict = true;
    const notice = changedNotice(author, theirs.text, {
      take: () => void this.#finish(false),
      keep: () => {
        this.#resolve(edited, this.edits.segments.find(({ key }) => key === theirs.key) ?? theirs);
        void this.#finish(true);
      },
    });
    this.#showNotice(edited, notice);
  }

  /** @param {Edited} edited @param {HTMLElement} notice */
  #showNotice(edited, notice) {
    edited.notice?.remove();
    edited.notice = notice;
    edited.field.after(notice);
  }

  /** What is typed goes in place of the segment as it is now. @param {Edited} edited @param {Segment} now */
  #resolve(edited, now) {
    edited.segment = now;
    edited.isConflict = false;
    edited.notice?.remove();
    edited.notice = null;
  }

  /** The line with the focus. @returns {HTMLElement | null} */
  get focused() {
    return lineAround(document.activeElement);
  }

  /**
   * @param {HTMLElement | null} line @param {number} [cursor] In characters; left out: at the end.
   * @param {string} [words] Typed before it opened.
   */
  async edit(line, cursor, words = "") {
    if (line && this.#edited?.line === line) return;
    const [now, segment, typedWords] = (await this.#settled(line, words)) ?? [];
    if (!now || !segment) return;
    const { field } = this.#open(now, segment, false);
    const at = cursor ?? MAX_CHARACTERS;
    field.setSelectionRange(at, at);
    if (typedWords) field.setRangeText(typedWords, field.selectionStart, field.selectionEnd, "end");
  }

  /** Opens an empty line after one. @param {HTMLElement | null} line */
  async insertAfter(line) {
    const [now, segment, words] = (await this.#settled(line)) ?? [];
    if (!now || !segment) return;
    const added = emptyLine();
    now.after(added);
    this.#open(added, segment, true).field.setRangeText(words ?? "", 0, 0, "end");
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
   * @param {HTMLElement | null} line @param {string} [typedBefore]
   * @returns {Promise<[HTMLElement, Segment, string] | null>} The line as it is then, and what was typed meanwhile;
   *   null: it cannot be edited, and what was typed is in the field that is open instead.
   */
  async #settled(line, typedBefore = "") {
    const key = this.edits.segmentOf(line)?.key;
    if (key === undefined || !this.edits.isAllowed) return null;
    const before = this.#keysUpTo(key);
    const words =
      typedBefore +
      (await keysTypedDuring(async () => {
        await this.#finish(true, null);
        await this.#saving;
        await this.edits.settled;
      }));
    const now = this.edits.lineOf(key);
    const segment = this.edits.segmentOf(now);
    if (this.#edited) goOn(this.#edited, words);
    else if (now && segment) return [now, segment, words];
    else if (words.trim() && this.edits.segments.length)
      this.#openInPlaceOfDeleted(this.#firstOf(before), words);
    return null;
  }

  /** Others deleted the line that somebody began to edit. @param {string} key Of the segment before. @param {string} words */
  #openInPlaceOfDeleted(key, words) {
    const segment = this.edits.segments.find((each) => each.key === key) ?? this.edits.segments[0];
    const line = emptyLine();
    this.#placeAfter(key, line);
    const edited = this.#open(line, { .../** @type {Segment} */ (segment), key }, true);
    goOn(edited, words);
    this.#showNotice(edited, deletedNotice(authorOf([])));
  }

  /** @param {HTMLElement} line @param {Segment} segment @param {boolean} isNew @returns {Edited} */
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
    const bar = isNew ? element("div") : this.#bar();
    /** @type {Edited} */
    const edited = { line, field, bar, segment, isNew, notice: null, isConflict: false };
    this.#edited = edited;
    text.hidden = true;
    text.after(field);
    line.append(bar);
    field.focus();
    line.scrollIntoView({ block: "nearest" }); // above the player
    return edited;
  }

  /** What a pointer can do with the line; the field keeps the focus. */
  #bar() {
    const line = () => this.#edited?.line ?? null;
    const bar = element("div", undefined, "line-actions");
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", t("This line"));
    bar.addEventListener("pointerdown", (event) => event.preventDefault());
    bar.addEventListener("mousedown", (event) => event.preventDefault());
    bar.append(
      tool(t("Split at the cursor"), "square-split-vertical", () => void this.#split()),
      tool(t("Join with the line before"), "arrow-up", () => void this.#merge(-1)),
      tool(t("Join with the line after"), "arrow-down", () => void this.#merge(1)),
      tool(t("New line after"), "plus", () => void this.insertAfter(line())),
      tool(t("Times and speaker"), "clock", () => void this.#openDetails()),
      tool(t("Delete this line"), "trash-2", () => void this.remove(line())),
    );
    return bar;
  }

  async #openDetails() {
    const key = this.#edited?.segment.key;
    await this.#finish(true);
    const segment = this.edits.segments.find((each) => each.key === key);
    if (segment && !this.#edited) this.page.details(segment);
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
    if (event.target !== this.#edited.field && event.key !== "Escape") return;
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
    else if (key === "Tab" && edited.isConflict)
      return false; // to the choice between both texts
    else if (key === "Tab") void this.#finish(true, this.#neighbour(segment, shiftKey ? -1 : 1)?.key);
    else return false;
    return true;
  }

  /** Undo and redo of what was saved; while a line is edited, the browser undoes its typing. @param {KeyboardEvent} event */
  #onPageKeyDown(event) {
    if (this.#edited || isField(event.target) || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    void this.edits.takeBack(
      key === "y" || event.shiftKey ? "POST /api/transcripts/{id}/redo" : "POST /api/transcripts/{id}/undo",
    );
  }

  async #split() {
    const edited = this.#edited;
    if (!edited || edited.isNew || edited.isConflict) return;
    const { segment, field } = edited;
    const first = oneLine(field.value.slice(0, field.selectionStart));
    const second = oneLine(field.value.slice(field.selectionStart));
    if (!first || !second) return;
    const key = newKey();
    this.#close();
    const words = await this.#save(
      edited,
      [
        ...rewording(segment, `${first} ${second}`),
        { op: "split", segment: segment.key, at: [...first].length, new: key },
      ],
      key,
    );
    if (words !== null) await this.edit(this.edits.lineOf(key), 0, words);
  }

  /** @param {1 | -1} by */
  async #merge(by) {
    const edited = this.#edited;
    const other = edited && !edited.isNew && this.#neighbour(edited.segment, by);
    const text = edited ? typed(edited) : "";
    if (!edited || !other || !text || edited.isConflict) return;
    const [first, second] = by > 0 ? [edited.segment, other] : [other, edited.segment];
    const cursor = by > 0 ? text.length : other.text.trim().length;
    this.#close();
    const words = await this.#save(
      edited,
      [...rewording(edited.segment, text), { op: "merge", segment: first.key, following: second.key }],
      first.key,
    );
    if (words !== null) await this.edit(this.edits.lineOf(first.key), cursor, words);
  }

  /** Takes the field away. @returns {Edited | null} What was edited. */
  #close() {
    const edited = this.#edited;
    if (!edited) return null;
    this.#edited = null;
    const { line, field, bar, isNew, notice } = edited;
    field.removeEventListener("blur", this.#onBlur);
    field.remove();
    bar.remove();
    notice?.remove();
    /** @type {HTMLElement} */ (line.querySelector("p")).hidden = false;
    if (isNew) line.remove();
    return edited;
  }

  /**
   * @param {boolean} keep
   * @param {string | null} [next] Key of the line that is edited then; null: the focus stays where it is.
   */
  async #finish(keep, next) {
    if (keep && this.#edited?.isConflict) return; // nobody has chosen yet between both texts
    const edited = this.#close();
    if (!edited) return;
    const text = typed(edited);
    let key = edited.segment.key;
    /** @type {string | null} */
    let words = "";
    if (keep && text !== unchanged(edited)) {
      const added = newKey();
      if (!edited.isNew) /** @type {HTMLElement} */ (edited.line.querySelector("p")).textContent = text;
      words = await this.#save(
        edited,
        edited.isNew ? [{ op: "insert", after: key, text, new: added }] : rewording(edited.segment, text),
        next,
      );
      if (words === null) return;
      if (edited.isNew) key = added;
      else this.page.corrected(edited.segment, text);
    }
    if (next) await this.edit(this.edits.lineOf(next), undefined, words);
    else if (next !== null) focusTime(this.edits.lineOf(key));
  }

  /**
   * Saves a line whose field was taken away; if that fails, the field is there again.
   * @param {Edited} edited @param {Operations} operations
   * @param {string | null} [next] As for `#finish`.
   * @returns {Promise<string | null>} What was typed meanwhile for the line that is edited then; null: not saved.
   */
  #save(edited, operations, next) {
    const save = async () => {
      const before = this.#keysUpTo(edited.segment.key);
      let isSaved = false;
      let words = "";
      const send = async () => {
        isSaved = await this.edits.apply(operations, edited.isNew ? undefined : edited.segment);
      };
      if (next) words = await keysTypedDuring(send);
      else await send();
      if (isSaved) return words;
      this.#reopen(edited, before);
      if (next !== null) goOn(edited, words);
      return null;
    };
    const saving = save();
    this.#saving = saving;
    return saving;
  }

  /** @param {Edited} edited What was not saved. @param {string[]} before As for `#putBack`. */
  #reopen(edited, before) {
    const { field, line, segment, isNew } = edited;
    if (!isNew) /** @type {HTMLElement} */ (line.querySelector("p")).textContent = segment.text.trim();
    this.#edited = edited;
    this.#moveTo(edited, line);
    this.#putBack(edited, before, authorOf([]));
    field.addEventListener("blur", this.#onBlur);
  }
}

/** Typing goes on at the end of a field. @param {Edited} edited @param {string} words Typed before. */
function goOn({ field }, words) {
  field.focus();
  if (!words) return;
  field.setSelectionRange(field.value.length, field.value.length);
  field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
}

/** @param {Segment} segment @param {string} text @returns {Operations} */
function rewording(segment, text) {
  return text === segment.text.trim() ? [] : [{ op: "replace_text", segment: segment.key, text }];
}

/** @param {Edited} edited @returns {string} The words in the field. */
const typed = ({ field }) => oneLine(field.value);

/** @param {Edited} edited @returns {string} The words that were there. */
const unchanged = ({ segment, isNew }) => (isNew ? "" : oneLine(segment.text));

/** @param {string} text */
const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** @returns {string} A key for a new segment. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");
}

/**
 * Keeps what is typed outside of fields, which would otherwise press shortcuts of the page.
 * @param {() => Promise<void>} wait @returns {Promise<string>} The characters typed until `wait` has ended.
 */
async function keysTypedDuring(wait) {
  let keys = "";
  /** @param {KeyboardEvent} event */
  const hold = (event) => {
    if ([...event.key].length > 1 || event.ctrlKey || event.metaKey || event.altKey || isField(event.target))
      return;
    event.preventDefault();
    event.stopPropagation();
    keys += event.key;
  };
  window.addEventListener("keydown", hold, { capture: true });
  try {
    await wait();
  } finally {
    window.removeEventListener("keydown", hold, { capture: true });
  }
  return keys;
}

/** @param {EventTarget | null} target @returns {boolean} Whether somebody can write there. */
const isField = (target) => target instanceof HTMLElement && target.matches("input, textarea, select");

/** @returns {HTMLElement} A line without time and words. */
function emptyLine() {
  const line = element("div", undefined, "line");
  line.append(element("span"), element("p"));
  return line;
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
