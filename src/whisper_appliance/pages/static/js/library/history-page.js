/** The history: every transcript of this browser, searched, paged, and the trash. */
import { confirmed } from "../ui/confirm.js";
import { api } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { day } from "../core/format.js";
import { startPage } from "../ui/page-frame.js";
import { makeRow } from "../ui/transcript-row.js";
import { addShortcuts } from "../ui/shortcuts.js";
import { toast } from "../ui/toast.js";

const PAGE = 30;
const TYPING_MILLISECONDS = 200;
const TITLES = /** @type {Record<string, string>} */ ({
  kept: "Transcripts",
  shared: "Shared with me",
  trash: "Trash",
});
const search = /** @type {HTMLInputElement} */ (byId("search"));
const views = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-view]"));
let view = "kept";
/** @type {string | null} */
let cursor = null;
let asked = new AbortController();
let lastDay = "";

/** @param {boolean} more Goes on where the list ends, instead of starting anew. */
async function load(more) {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const wanted = {
    limit: PAGE,
    cursor: more ? cursor : null,
    q: search.value.trim(),
    deleted: view === "trash",
  };
  try {
    const page = view === "shared" ? await api.received(signal) : await api.transcripts(wanted, signal);
    if (signal.aborted) return;
    show(page.transcripts, more);
    cursor = page.next;
    byId("more").hidden = !page.next;
    byId("problem").hidden = true;
  } catch (error) {
    if (!signal.aborted) showProblem(/** @type {import("../core/api.js").ApiError} */ (error));
  }
}

/** @param {import("../core/api.js").Summary[]} transcripts @param {boolean} more */
function show(transcripts, more) {
  const list = byId("rows");
  if (!more) {
    list.replaceChildren();
    lastDay = "";
  }
  /** @type {HTMLElement | null} */
  let first = null;
  for (const summary of transcripts) {
    const itsDay = day(summary.created);
    if (itsDay !== lastDay) list.append(element("li", itsDay, "day"));
    lastDay = itsDay;
    const row = makeRow(summary, { withDay: false, onGone: tidy, onBack: () => void load(false) });
    list.append(row);
    first ??= row.querySelector("a");
  }
  if (more) first?.focus();
  list.setAttribute("aria-busy", "false");
  tidy();
}

/** Takes away days without rows, and says what to do when nothing is left. */
function tidy() {
  const list = byId("rows");
  for (const heading of list.querySelectorAll(".day")) {
    if (!heading.nextElementSibling?.matches(".row")) heading.remove();
  }
  const none = !list.querySelector(".row");
  list.hidden = none;
  byId("empty").hidden = !none;
  byId("trash-note").hidden = view !== "trash" || none;
  if (none) sayEmpty();
}

function sayEmpty() {
  const words = search.value.trim();
  byId("empty-action").hidden = Boolean(words) || view !== "kept";
  byId("empty-text").textContent = words
    ? `Nothing with “${words}”. Try fewer or other words.`
    : view === "trash"
      ? "The trash is empty."
      : view === "shared"
        ? "Nobody has shared a transcript with you yet."
        : "No transcripts yet. They are kept here once you have transcribed a recording.";
}

/** A silent appliance is told in the frame, and the list is asked for again when it is back. @param {import("../core/api.js").ApiError} error */
function showProblem({ message, offline }) {
  if (offline) return;
  byId("problem-text").textContent = message;
  byId("problem").hidden = false;
  byId("rows").hidden = !byId("rows").querySelector(".row:not(.skeleton)");
  byId("empty").hidden = true;
}

/** @param {string} next */
function look(next) {
  view = next;
  for (const button of views) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  byId("list-title").textContent = TITLES[view];
  search.disabled = view === "shared";
  void load(false);
}

async function emptyTrash() {
  const text = "What is in it is deleted for good, with its recordings. This cannot be undone.";
  if (!(await confirmed({ title: "Empty the trash?", text, action: "Empty it" }))) return;
  try {
    await api.emptyTrash();
    toast("The trash is empty.");
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
  void load(false);
}

/** @param {number} by */
function step(by) {
  const links = /** @type {HTMLElement[]} */ ([...byId("rows").querySelectorAll(".row-title a")]);
  const active = document.activeElement?.closest(".row")?.querySelector(".row-title a");
  const at = links.indexOf(/** @type {HTMLElement} */ (active));
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

startPage();
for (const button of views) button.addEventListener("click", () => look(button.dataset.view ?? "kept"));
byId("empty-trash").addEventListener("click", () => void emptyTrash());
byId("more").addEventListener("click", () => void load(true));
byId("problem-retry").addEventListener("click", () => void load(false));
document.addEventListener("reconnected", () => void load(false));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => void load(false), TYPING_MILLISECONDS);
});
addShortcuts({ "/": () => search.focus(), j: () => step(1), k: () => step(-1) });
void load(false);
