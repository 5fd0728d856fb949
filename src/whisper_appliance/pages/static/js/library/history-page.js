/** The history: transcripts searched and paged, those that others shared, and the trash. */

import { messageOf, request } from "../core/api.js";
import { day } from "../core/datetime.js";
import { all, byId, element, inputById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { onReconnected } from "../core/page-events.js";
import { confirmed } from "../ui/confirm.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";
import { transcriptRow } from "../ui/transcript-row.js";
import { startImport } from "./import-files.js";

const PAGE_SIZE = 30;
const TYPING_MILLISECONDS = 200;

/**
 * @typedef {import("../core/api.js").ApiError} ApiError
 * @typedef {import("../ui/transcript-row.js").Summary} Summary
 * @typedef {"kept" | "shared" | "trash"} View
 */

/** @type {Record<View, string>} */
const TITLES = { kept: t("Transcripts"), shared: t("Shared with me"), trash: t("Trash") };

/** @param {HTMLElement} root */
export function mount(root) {
  const { shortcuts } = startPage(root);
  const page = new HistoryPage(root);
  shortcuts.add({
    "/": () => page.search.focus(),
    j: () => page.moveFocus(1),
    k: () => page.moveFocus(-1),
  });
  startImport(() => void page.load());
  void page.load();
}

class HistoryPage {
  search = inputById("search");
  /** @type {View} */
  #view = "kept";
  /** @type {string | null} */
  #cursor = null;
  #loading = new AbortController();
  #lastDay = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {HTMLButtonElement[]} */
    this.viewButtons = all(root, "[data-view]");
    for (const button of this.viewButtons) {
      button.addEventListener("click", () => this.#show(/** @type {View} */ (button.dataset.view)));
    }
    byId("empty-trash").addEventListener("click", () => void this.#emptyTrash());
    byId("more").addEventListener("click", () => void this.load({ more: true }));
    byId("problem-retry").addEventListener("click", () => void this.load());
    onReconnected(() => void this.load());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => void this.load(), TYPING_MILLISECONDS);
    });
  }

  /** @param {View} view */
  #show(view) {
    this.#view = view;
    for (const button of this.viewButtons) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    byId("list-title").textContent = TITLES[view];
    this.search.disabled = view === "shared";
    void this.load();
  }

  /** @param {{more?: boolean}} [options] `more` adds the next page instead of starting anew. */
  async load({ more = false } = {}) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const page = await this.#fetchPage(more, signal);
      if (signal.aborted) return;
      this.#showRows(page.transcripts, more);
      this.#cursor = page.next;
      byId("more").hidden = !page.next;
      byId("problem").hidden = true;
    } catch (error) {
      if (!signal.aborted) showProblem(/** @type {ApiError} */ (error));
    }
  }

  /** @param {boolean} more @param {AbortSignal} signal @returns {Promise<{transcripts: Summary[], next: string | null}>} */
  async #fetchPage(more, signal) {
    if (this.#view === "shared") {
      const { transcripts } = await request("GET /api/transcripts/shared", { signal });
      return { transcripts, next: null };
    }
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    const words = this.search.value.trim();
    if (more && this.#cursor) query.set("cursor", this.#cursor);
    if (words) query.set("q", words);
    if (this.#view === "trash") query.set("deleted", "true");
    return request("GET /api/transcripts", { query, signal });
  }

  /** @param {Summary[]} transcripts @param {boolean} more */
  #showRows(transcripts, more) {
    const list = byId("rows");
    if (!more) {
      list.replaceChildren();
      this.#lastDay = "";
    }
    const events = { onRemoved: () => this.#tidy(), onRestored: () => void this.load() };
    const rows = transcripts.map((summary) => {
      const itsDay = day(summary.created);
      if (itsDay !== this.#lastDay) list.append(element("li", itsDay, "day"));
      this.#lastDay = itsDay;
      const row = transcriptRow(summary, events);
      list.append(row);
      return row;
    });
    if (more) rows[0]?.querySelector("a")?.focus();
    list.setAttribute("aria-busy", "false");
    this.#tidy();
  }

  /** Removes days without rows; shows what to do when no row is left. */
  #tidy() {
    const list = byId("rows");
    for (const heading of list.querySelectorAll(".day")) {
      if (!heading.nextElementSibling?.matches(".row")) heading.remove();
    }
    const isEmpty = !list.querySelector(".row");
    list.hidden = isEmpty;
    byId("empty").hidden = !isEmpty;
    byId("trash-note").hidden = this.#view !== "trash" || isEmpty;
    if (!isEmpty) return;
    const words = this.search.value.trim();
    byId("empty-action").hidden = Boolean(words) || this.#view !== "kept";
    byId("empty-text").textContent = emptyText(this.#view, words);
  }

  async #emptyTrash() {
    const text = t("What is in it is deleted for good, with its recordings. This cannot be undone.");
    if (!(await confirmed({ title: t("Empty the trash?"), text, action: t("Empty it") }))) return;
    try {
      await request("DELETE /api/transcripts/trash");
      toast(t("The trash is empty."));
    } catch (error) {
      toast(messageOf(error));
    }
    void this.load();
  }

  /** Moves the focus to the next or previous transcript. @param {1 | -1} by */
  moveFocus(by) {
    const links = all(byId("rows"), ".row-title a");
    const focused = document.activeElement?.closest(".row")?.querySelector(".row-title a");
    const current = links.indexOf(/** @type {HTMLElement} */ (focused));
    const next = current < 0 ? 0 : Math.min(links.length - 1, Math.max(0, current + by));
    links[next]?.focus();
  }
}

/** @param {View} view @param {string} words */
function emptyText(view, words) {
  if (words) return t("Nothing with “{words}”. Try fewer or other words.", { words });
  if (view === "trash") return t("The trash is empty.");
  if (view === "shared") return t("Nobody has shared a transcript with you yet.");
  return t("No transcripts yet. They are kept here once you have transcribed a recording.");
}

/** @param {ApiError} error The frame shows a lost connection, and the page loads again when it is back. */
function showProblem({ message, offline }) {
  if (offline) return;
  byId("problem-text").textContent = message;
  byId("problem").hidden = false;
  byId("rows").hidden = !byId("rows").querySelector(".row:not(.skeleton)");
  byId("empty").hidden = true;
}
