/** A transcript as a row of a list, with its actions: rename, download, delete, restore. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { dayAndTime, timeOfDay } from "../core/datetime.js";
import { action, element, fromTemplate, showFacts, slot } from "../core/dom.js";
import { clock, languageName, shortTitle } from "../core/format.js";
import { t } from "../core/i18n.js";
import { fillDownloads } from "./download-menu.js";
import { editTitle } from "./title-editor.js";
import { toast } from "./toast.js";

/**
 * @typedef {import("../core/api.js").Responses} Responses
 * @typedef {Responses["GET /api/transcripts"]["transcripts"][number]} OwnTranscript
 * @typedef {OwnTranscript} Summary
 * @typedef {import("../core/api-types.d.ts").SearchHitResponse} Hit
 */

/** @param {Summary} summary @returns {boolean} Whether somebody else shared it. */
const isShared = (summary) => summary.is_shared;

/** @param {readonly string[]} pieces Of a hit: each second one was found. @returns {string} The longest words that were found in a row. */
export function foundWords(pieces) {
  let longest = "";
  let words = "";
  for (const [place, piece] of pieces.entries()) {
    const goesOn = place % 2 === 1 || (words && !piece.trim());
    words = goesOn ? words + piece : "";
    if (words.trim().length > longest.length) longest = words.trim();
  }
  return longest;
}

/**
 * The end of an address that opens a transcript where most of the words were found, a note of others first.
 * @param {readonly Hit[] | null | undefined} hits
 */
export function placeOf(hits) {
  const [first] = hits ?? [];
  if (!first) return "";
  if (first.note) return `#note-${first.note}`;
  const words = (/** @type {Hit} */ hit) => foundWords(hit.pieces);
  const best = (hits ?? [])
    .filter(({ note }) => !note)
    .reduce((one, other) => (words(other).length > words(one).length ? other : one), first);
  return `?q=${encodeURIComponent(words(best))}#t=${Math.floor(best.start)}`;
}

/** @param {HTMLElement} row @param {Summary} summary */
function showTitle(row, { id, title, hits }) {
  const link = /** @type {HTMLAnchorElement} */ (slot(row, "title"));
  link.textContent = title;
  link.href = fromRoot(`/transcripts/${id}${placeOf(hits)}`);
  const actions = slot(row, "actions");
  slot(actions, "favourite-label").textContent = t("Favourite: {title}", { title });
  slot(actions, "rename-label").textContent = t("Rename {title}", { title });
  slot(actions, "delete-label").textContent = t("Delete {title}", { title });
  actions.querySelector(".menu summary")?.setAttribute("aria-label", t("Download {title}", { title }));
  fillDownloads(slot(actions, "downloads"), `/api/transcripts/${id}`, title);
}

/** Shows how it begins, or the words that a search found in it. @param {HTMLElement} line @param {Summary} summary */
function showExcerpt(line, { excerpt, found, title, hits }) {
  const isInText = found && found.length > 1 && found.join("") !== title;
  if (isInText) {
    const pieces = found.map((part, index) => (index % 2 ? element("mark", part) : part));
    line.replaceChildren(...(hits?.[0]?.note ? [t("Note:"), " "] : []), ...pieces);
  } else line.textContent = excerpt;
}

/** @param {HTMLElement} row @returns {HTMLElement | null} The link of the row beside it, for the focus. */
function neighbourLink(row) {
  const near = [row.nextElementSibling, row.previousElementSibling].find((each) => each?.matches(".row"));
  return near?.querySelector("a") ?? null;
}

/** @param {Summary} summary @param {boolean} withDay @returns {HTMLElement} With its actions, which do nothing yet. */
function filledRow(summary, withDay) {
  const row = fromTemplate("row-template");
  showTitle(row, summary);
  row.dataset.id = summary.id;
  showExcerpt(slot(row, "excerpt"), summary);
  showFacts(slot(row, "facts"), [
    withDay ? dayAndTime(summary.created) : timeOfDay(summary.created),
    clock(summary.duration),
    languageName(summary.language),
    isShared(summary) ? t("from {shared_by}", { shared_by: summary.shared_by ?? "somebody" }) : summary.model,
    ...(summary.tags ?? []),
  ]);
  return row;
}

/** @param {Summary} summary @returns {HTMLElement} A row without actions. */
export function plainRow(summary) {
  const row = filledRow(summary, true);
  slot(row, "actions").remove();
  slot(row, "waveform").remove();
  return row;
}

/**
 * @param {Summary} summary
 * @param {{onRemoved: () => void, onRestored: () => void, withDay?: boolean}} events A row removes itself; it cannot put itself back.
 * @returns {HTMLElement}
 */
export function transcriptRow(summary, events) {
  const row = filledRow(summary, events.withDay ?? false);
  const isInTrash = Boolean(summary.deleted);
  action(row, "rename").hidden = isInTrash || isShared(summary);
  action(row, "favourite").hidden = isInTrash || isShared(summary);
  action(row, "delete").hidden = isInTrash;
  slot(row, "downloads").hidden = isInTrash;
  action(row, "restore").hidden = !isInTrash;
  if (isShared(summary)) {
    slot(row, "delete-label").textContent = t("Take {title} off this list", { title: summary.title });
    action(row, "delete").title = t("Take off this list");
  }
  new RowActions(row, summary, events).start();
  return row;
}

class RowActions {
  /** @param {HTMLElement} row @param {Summary} summary @param {{onRemoved: () => void, onRestored: () => void}} events */
  constructor(row, summary, { onRemoved, onRestored }) {
    this.row = row;
    this.summary = summary;
    this.onRemoved = onRemoved;
    this.onRestored = onRestored;
  }

  start() {
    action(this.row, "rename").addEventListener("click", () => this.#rename());
    action(this.row, "favourite").addEventListener("click", () => void this.#switchFavourite());
    this.#showFavourite();
    action(this.row, "delete").addEventListener("click", () => void this.#delete());
    action(this.row, "restore").addEventListener("click", () => void this.#restoreFromTrash());
  }

  #rename() {
    const { id, title } = this.summary;
    editTitle(/** @type {HTMLElement} */ (this.row.querySelector(".row-title")), {
      id,
      title,
      onRenamed: (renamed) => showTitle(this.row, Object.assign(this.summary, { title: renamed })),
      onEnd: () => action(this.row, "rename").focus(),
    });
  }

  #showFavourite() {
    action(this.row, "favourite").setAttribute("aria-pressed", String(Boolean(this.summary.favourite)));
  }

  async #switchFavourite() {
    const { id, favourite } = this.summary;
    const wanted = favourite ? "unfavourite" : "favourite";
    try {
      await request("POST /api/library/actions", { body: { action: wanted, ids: [id] } });
      this.summary.favourite = !favourite;
      this.#showFavourite();
    } catch (error) {
      toast(messageOf(error));
    }
  }

  async #delete() {
    const path = { id: this.summary.id };
    const title = shortTitle(this.summary.title);
    try {
      if (isShared(this.summary)) {
        await request("DELETE /api/transcripts/shared/{id}", { path });
        this.#remove();
        toast(t("“{title}” is off your list.", { title }));
      } else {
        await request("DELETE /api/transcripts/{id}", { path });
        this.#remove();
        toast(t("Deleted “{title}”.", { title }), { label: t("Undo"), run: () => void this.#restore() });
      }
    } catch (error) {
      toast(t("Not deleted: {error}", { error: messageOf(error) }));
    }
  }

  async #restoreFromTrash() {
    if (!(await this.#restore())) return;
    this.#remove();
    toast(t("Restored “{title}”.", { title: shortTitle(this.summary.title) }));
  }

  async #restore() {
    try {
      await request("POST /api/transcripts/{id}/restore", { path: { id: this.summary.id } });
      this.onRestored();
      return true;
    } catch (error) {
      toast(t("Not restored: {error}", { error: messageOf(error) }));
      return false;
    }
  }

  #remove() {
    const next = this.row.contains(document.activeElement) ? neighbourLink(this.row) : null;
    this.row.remove();
    next?.focus();
    this.onRemoved();
  }
}
