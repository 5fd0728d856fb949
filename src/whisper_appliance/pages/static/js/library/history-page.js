/** The library: transcripts searched, filtered and listed, those that others shared, and the trash. */

import { messageOf, request } from "../core/api.js";
import { day } from "../core/datetime.js";
import { all, byId, element, inputById, selectById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { onReconnected } from "../core/page-events.js";
import { readStored, writeStored } from "../core/storage.js";
import { confirmed } from "../ui/confirm.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";
import { transcriptRow } from "../ui/transcript-row.js";
import { Filters } from "./filters.js";
import { FolderSharing } from "./folder-sharing.js";
import { startImport } from "./import-files.js";
import { addressOf, FILTERS, queryOf, readState, sortOf } from "./list-address.js";
import { RowWaveforms } from "./row-waveforms.js";
import { Selection } from "./selection.js";
import { SharedFolders } from "./shared-folders.js";
import { StatisticsDialog } from "./statistics-dialog.js";
import { indexOf, WindowedList } from "./windowed-list.js";

const TYPING_MILLISECONDS = 200;
const SCROLLED_MILLISECONDS = 250;
const LAYOUT_KEY = "library-layout";

/**
 * @typedef {import("../core/api.js").ApiError} ApiError
 * @typedef {import("../ui/transcript-row.js").Summary} Summary
 * @typedef {import("./list-address.js").View} View
 * @typedef {import("./list-address.js").ListState} ListState
 * @typedef {import("./windowed-list.js").Place} Place
 * @typedef {{transcripts: Summary[], total: number, more?: boolean, suggestion?: string | null}} Part
 */

/** @type {Record<View, string>} */
const TITLES = { kept: t("Transcripts"), shared: t("Shared with me"), trash: t("Trash") };

/** @param {HTMLElement} root */
export function mount(root) {
  const { shortcuts } = startPage(root);
  history.scrollRestoration = "manual"; // the rows come later than the browser scrolls
  const page = new HistoryPage(root);
  shortcuts.add({
    "/": () => page.search.focus(),
    j: () => void page.moveFocus(1),
    k: () => void page.moveFocus(-1),
    x: () => page.selectFocused(),
    f: () => page.starFocused(),
  });
  startImport(() => void page.load());
  void page.load(history.state);
}

class HistoryPage {
  search = inputById("search");
  #waveforms = new RowWaveforms();
  #state = readState(location.search);

  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {HTMLButtonElement[]} */
    this.viewButtons = all(root, "[data-view]");
    for (const button of this.viewButtons) {
      button.addEventListener("click", () => this.#show(/** @type {View} */ (button.dataset.view)));
    }
    /** @type {WindowedList<Summary>} */
    this.list = new WindowedList(byId("rows"), {
      fetchPart: (offset, limit, signal) => this.#fetchPart(offset, limit, signal),
      render: (summary, _, before) => this.#render(summary, before),
      onFailed: (error) => showProblem(/** @type {ApiError} */ (error)),
    });
    this.selection = new Selection(this.list, () => void this.load());
    this.filters = new Filters((change) => this.#change(change));
    this.folderSharing = new FolderSharing();
    this.sharedFolders = new SharedFolders({
      onChosen: (folder) => this.#change({ folder }),
      onLeft: () => this.#change({ folder: "" }),
    });
    this.statistics = new StatisticsDialog(() => queryOf(this.#state));
    this.sort = selectById("sort");
    this.sort.addEventListener("change", () => this.#change({ sort: this.sort.value }));
    this.#wireLayouts(root);
    this.#wireSearch();
    this.#wirePlace();
    byId("empty-trash").addEventListener("click", () => void this.#emptyTrash());
    byId("problem-retry").addEventListener("click", () => void this.load());
    onReconnected(() => void this.load());
  }

  #wireSearch() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(
        () => this.#change({ q: this.search.value }, { replace: true }),
        TYPING_MILLISECONDS,
      );
    });
    byId("suggestion").addEventListener("click", () =>
      this.#change({ q: byId("suggestion").textContent ?? "" }),
    );
  }

  /** Each entry of the history remembers the place in its list, so that Back returns to it. */
  #wirePlace() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let scrolled;
    addEventListener("scroll", () => {
      clearTimeout(scrolled);
      scrolled = setTimeout(() => this.#storePlace(), SCROLLED_MILLISECONDS);
    });
    addEventListener("pagehide", () => this.#storePlace());
    addEventListener("popstate", ({ state }) => {
      clearTimeout(scrolled);
      this.#state = readState(location.search);
      this.selection.clear();
      void this.load(state, { anew: true });
    });
  }

  #storePlace() {
    history.replaceState(scrollY > 0 ? this.list.place : null, "");
  }

  /** @param {HTMLElement} root */
  #wireLayouts(root) {
    const buttons = all(root, "[data-layout-choice]");
    const show = (/** @type {string} */ layout) => {
      byId("rows").dataset.layout = layout;
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset.layoutChoice === layout));
      }
    };
    show(readStored(LAYOUT_KEY, "list"));
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const place = this.list.place;
        show(button.dataset.layoutChoice ?? "list");
        writeStored(LAYOUT_KEY, button.dataset.layoutChoice);
        void this.load(place);
      });
    }
  }

  /**
   * Changes what is listed, and the address; typing replaces it, so that Back leaves out half words.
   * @param {Partial<ListState>} change @param {{replace?: boolean}} [options]
   */
  #change(change, { replace = false } = {}) {
    if (!replace) this.#storePlace();
    this.#state = { ...this.#state, ...change };
    history[replace ? "replaceState" : "pushState"](null, "", addressOf(this.#state));
    this.selection.clear();
    void this.load(null, { anew: true });
  }

  /** @param {View} view */
  #show(view) {
    this.#change({ view, folder: "" });
  }

  /** Shows search, filters and order as they are in the address. */
  #showState() {
    const { view, q, sort } = this.#state;
    for (const button of this.viewButtons) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    byId("list-title").textContent = TITLES[view];
    if (document.activeElement !== this.search) this.search.value = q;
    this.sort.value = sort;
    byId("filters").hidden = view !== "kept";
    byId("shared-folders").hidden = view !== "shared";
    this.filters.show(this.#state);
    this.selection.showTrash(view === "trash");
  }

  /**
   * Loads what is listed, at a place of it; the place in view if none is given.
   * @param {Place | null} [place] @param {{anew?: boolean}} [options] `anew`: it is another list.
   */
  async load(place = null, { anew = false } = {}) {
    this.#showState();
    try {
      const [part, library] = await Promise.all([
        this.list.load(place ?? (anew ? null : this.list.place)),
        request("GET /api/library"),
      ]);
      if (!part) return;
      if (anew && !place) scrollTo({ top: 0, behavior: "instant" });
      this.selection.fill(library);
      this.filters.fill(library, this.#state);
      const { folder, view } = this.#state;
      this.sharedFolders.show(library.shared_folders, folder);
      this.folderSharing.offer(view === "kept" ? library.folders.find(({ id }) => id === folder) : undefined);
      this.#showCount(/** @type {Part} */ (part));
      byId("rows").setAttribute("aria-busy", "false");
      byId("problem").hidden = true;
      this.#showEmpty(part.total);
    } catch (error) {
      showProblem(/** @type {ApiError} */ (error));
    }
  }

  /** @param {number} offset @param {number} limit @param {AbortSignal} signal @returns {Promise<Part>} */
  async #fetchPart(offset, limit, signal) {
    const query = queryOf(this.#state);
    query.set("limit", String(limit));
    query.set("offset", String(offset));
    return request("GET /api/transcripts", { query, signal });
  }

  /** @param {Summary} summary @param {Summary | null} before @returns {HTMLElement[]} */
  #render(summary, before) {
    const isByDay = sortOf(this.#state) === "newest" && byId("rows").dataset.layout === "list";
    const row = transcriptRow(summary, {
      onRemoved: () => void this.load(),
      onRestored: () => void this.load(),
      withDay: !isByDay,
    });
    if (byId("rows").dataset.layout !== "table") this.#waveforms.add(row, summary);
    if (!summary.is_shared) this.selection.add(row, summary);
    const itsDay = day(summary.created);
    return isByDay && (!before || day(before.created) !== itsDay)
      ? [element("li", itsDay, "day"), row]
      : [row];
  }

  /** @param {Part} part */
  #showCount({ total, more = false, suggestion = null }) {
    const count = tn("{count} transcript", "{count} transcripts", total);
    byId("count").textContent = more ? t("The first {total} matches", { total }) : count;
    byId("count").hidden = !total;
    byId("suggestion-line").hidden = !suggestion;
    byId("suggestion").textContent = suggestion ?? "";
  }

  /** Shows what to do when there is no row. @param {number} total */
  #showEmpty(total) {
    const { view } = this.#state;
    byId("rows").hidden = !total;
    byId("empty").hidden = Boolean(total);
    byId("trash-note").hidden = view !== "trash" || !total;
    if (total) return;
    const words = this.search.value.trim();
    const isFiltered = view === "kept" && FILTERS.some((name) => this.#state[name]);
    byId("empty-action").hidden = Boolean(words) || isFiltered || view !== "kept";
    byId("empty-text").textContent = emptyText(view, words, isFiltered);
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

  /** @returns {HTMLElement | null} The row that has the focus. */
  get #focused() {
    return document.activeElement?.closest(".row") ?? null;
  }

  /** Moves the focus to the next or previous transcript. @param {1 | -1} by */
  async moveFocus(by) {
    const current = this.#focused;
    const index = current ? indexOf(current) + by : (this.list.place?.index ?? 0);
    const row = await this.list.rowAt(Math.min(this.list.total - 1, Math.max(0, index)));
    row?.querySelector("a")?.focus();
  }

  selectFocused() {
    /** @type {HTMLElement | null | undefined} */ (this.#focused?.querySelector(".row-check"))?.click();
  }

  starFocused() {
    /** @type {HTMLElement | null | undefined} */ (
      this.#focused?.querySelector("[data-action=favourite]")
    )?.click();
  }
}

/** @param {View} view @param {string} words @param {boolean} isFiltered */
function emptyText(view, words, isFiltered) {
  if (words) return t("Nothing with “{words}”. Try fewer or other words.", { words });
  if (isFiltered) return t("No transcript fits these filters.");
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
