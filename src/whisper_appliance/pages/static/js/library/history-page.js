/** The library: transcripts searched, filtered and paged, those that others shared, and the trash. */

import { messageOf, request } from "../core/api.js";
import { day } from "../core/datetime.js";
import { all, byId, element, inputById } from "../core/dom.js";
import { languageName } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { onReconnected } from "../core/page-events.js";
import { confirmed } from "../ui/confirm.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";
import { transcriptRow } from "../ui/transcript-row.js";
import { foldersByPath } from "./folder-paths.js";
import { startImport } from "./import-files.js";
import { addressOf, FILTERS, queryOf, readState } from "./list-address.js";
import { Selection } from "./selection.js";

const PAGE_SIZE = 30;
const TYPING_MILLISECONDS = 200;

/**
 * @typedef {import("../core/api.js").ApiError} ApiError
 * @typedef {import("../ui/transcript-row.js").Summary} Summary
 * @typedef {import("./list-address.js").View} View
 * @typedef {import("../core/api.js").Responses["GET /api/library"]} Library
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
  #state = readState(location.search);
  #shown = 0;
  #loading = new AbortController();
  #lastDay = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {HTMLButtonElement[]} */
    this.viewButtons = all(root, "[data-view]");
    for (const button of this.viewButtons) {
      button.addEventListener("click", () => this.#show(/** @type {View} */ (button.dataset.view)));
    }
    this.selection = new Selection(byId("rows"), () => void this.load());
    this.sort = /** @type {HTMLSelectElement} */ (byId("sort"));
    this.sort.addEventListener("change", () => this.#change({ sort: this.sort.value }));
    for (const name of FILTERS) {
      const filter = /** @type {HTMLSelectElement} */ (byId(`filter-${name}`));
      filter.addEventListener("change", () => this.#change({ [name]: filter.value }));
    }
    byId("clear-filters").addEventListener("click", () =>
      this.#change({ q: "", folder: "", tag: "", language: "", favourite: "" }),
    );
    byId("suggestion").addEventListener("click", () =>
      this.#change({ q: byId("suggestion").textContent ?? "" }),
    );
    addEventListener("popstate", () => {
      this.#state = readState(location.search);
      void this.load();
    });
    byId("empty-trash").addEventListener("click", () => void this.#emptyTrash());
    byId("more").addEventListener("click", () => void this.load({ more: true }));
    byId("problem-retry").addEventListener("click", () => void this.load());
    onReconnected(() => void this.load());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(
        () => this.#change({ q: this.search.value }, { replace: true }),
        TYPING_MILLISECONDS,
      );
    });
  }

  /**
   * Changes what is listed, and the address; typing replaces it, so that Back leaves out half words.
   * @param {Partial<import("./list-address.js").ListState>} change @param {{replace?: boolean}} [options]
   */
  #change(change, { replace = false } = {}) {
    this.#state = { ...this.#state, ...change };
    history[replace ? "replaceState" : "pushState"](null, "", addressOf(this.#state));
    this.selection.clear();
    void this.load();
  }

  /** @param {View} view */
  #show(view) {
    this.#change({ view });
  }

  /** Shows search, filters and order as they are in the address. */
  #showState() {
    const { view, q, sort } = this.#state;
    for (const button of this.viewButtons) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    byId("list-title").textContent = TITLES[view];
    if (document.activeElement !== this.search) this.search.value = q;
    this.search.disabled = view === "shared";
    this.sort.value = sort;
    byId("tools").hidden = view === "shared";
    byId("filters").hidden = view !== "kept";
    byId("clear-filters").hidden = !q && FILTERS.every((name) => !this.#state[name]);
    this.selection.showTrash(view === "trash");
  }

  /** Fills the filters with what there is. @param {Library} library */
  #showLibrary({ folders, tags, languages }) {
    this.selection.folders = folders;
    const paths = foldersByPath(folders);
    this.#fill(
      "folder",
      [...paths].map(([path, id]) => [id, path]),
    );
    this.#fill(
      "tag",
      tags.map((tag) => [tag.id, `${tag.name} (${tag.transcripts})`]),
    );
    this.#fill(
      "language",
      languages.map(({ value }) => [value, languageName(value)]),
    );
    fillNames(
      "tag-names",
      tags.map((tag) => tag.name),
    );
    fillNames("folder-names", [...paths.keys()]);
    const favourite = /** @type {HTMLSelectElement} */ (byId("filter-favourite"));
    favourite.value = this.#state.favourite;
  }

  /** @param {"folder" | "tag" | "language"} name @param {string[][]} options */
  #fill(name, options) {
    const filter = /** @type {HTMLSelectElement} */ (byId(`filter-${name}`));
    const added = options.map(([value, text]) => new Option(text, value));
    filter.replaceChildren(/** @type {HTMLOptionElement} */ (filter.options[0]), ...added);
    filter.value = this.#state[name];
    filter.hidden = !options.length;
  }

  /** @param {{more?: boolean}} [options] `more` adds the next page instead of starting anew. */
  async load({ more = false } = {}) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.#showState();
    try {
      const [page, library] = await Promise.all([
        this.#fetchPage(more, signal),
        more ? null : request("GET /api/library", { signal }),
      ]);
      if (signal.aborted) return;
      if (library) this.#showLibrary(library);
      this.#showCount(page);
      this.#showRows(page.transcripts, more);
      byId("more").hidden = !page.next;
      byId("problem").hidden = true;
    } catch (error) {
      if (!signal.aborted) showProblem(/** @type {ApiError} */ (error));
    }
  }

  /**
   * @param {boolean} more @param {AbortSignal} signal
   * @returns {Promise<{transcripts: Summary[], next: string | null, total?: number, more?: boolean, suggestion?: string | null}>}
   */
  async #fetchPage(more, signal) {
    if (this.#state.view === "shared") {
      const { transcripts } = await request("GET /api/transcripts/shared", { signal });
      return { transcripts, next: null };
    }
    const query = queryOf(this.#state);
    query.set("limit", String(PAGE_SIZE));
    this.#shown = more ? this.#shown : 0;
    query.set("offset", String(this.#shown));
    const page = await request("GET /api/transcripts", { query, signal });
    this.#shown += page.transcripts.length;
    return { ...page, next: this.#shown < page.total ? "more" : null };
  }

  /** @param {{total?: number, more?: boolean, suggestion?: string | null}} page */
  #showCount({ total = 0, more = false, suggestion = null }) {
    const count = tn("{count} transcript", "{count} transcripts", total);
    byId("count").textContent = more ? t("The first {total} matches", { total }) : count;
    byId("count").hidden = !total;
    byId("suggestion-line").hidden = !suggestion;
    byId("suggestion").textContent = suggestion ?? "";
  }

  /** @param {Summary[]} transcripts @param {boolean} more */
  #showRows(transcripts, more) {
    const list = byId("rows");
    if (!more) {
      list.replaceChildren();
      this.#lastDay = "";
    }
    const events = { onRemoved: () => this.#tidy(), onRestored: () => void this.load() };
    const isByDay = queryOf(this.#state).get("sort") === "newest";
    const rows = transcripts.map((summary) => {
      const itsDay = day(summary.created);
      if (isByDay && itsDay !== this.#lastDay) list.append(element("li", itsDay, "day"));
      this.#lastDay = itsDay;
      const row = transcriptRow(summary, { ...events, withDay: !isByDay });
      if (this.#state.view !== "shared") this.selection.add(row, summary);
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
    byId("trash-note").hidden = this.#state.view !== "trash" || isEmpty;
    if (!isEmpty) return;
    const words = this.search.value.trim();
    const isFiltered = this.#state.view === "kept" && FILTERS.some((name) => this.#state[name]);
    byId("empty-action").hidden = Boolean(words) || isFiltered || this.#state.view !== "kept";
    byId("empty-text").textContent = emptyText(this.#state.view, words, isFiltered);
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

/** Fills a list of suggestions for a field. @param {string} id @param {string[]} names */
function fillNames(id, names) {
  byId(id).replaceChildren(
    ...names.map((name) => {
      const option = element("option");
      option.value = name;
      return option;
    }),
  );
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
