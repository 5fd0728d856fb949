/** Keys for people who never reach for the mouse. Each can be had without; all can be switched off. */
import { byId } from "../core/dom.js";
import { recall, remember } from "../core/storage.js";
import { switchTheme } from "./theme.js";

/** @type {Map<string, () => void>} */
const keys = new Map();
const PAIR_MILLISECONDS = 1200;
let first = "";
let firstAt = 0;

/** @param {Record<string, () => void>} more Keys such as "o" or "g h", and what they do. */
export function addShortcuts(more) {
  for (const [key, run] of Object.entries(more)) keys.set(key, run);
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"))
  );
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !recall("shortcuts", true))
    return;
  if (document.querySelector("dialog[open]")) return;
  const pair = performance.now() - firstAt < PAIR_MILLISECONDS ? `${first} ${event.key}` : "";
  const run = keys.get(pair) ?? keys.get(event.key);
  [first, firstAt] = [event.key, performance.now()];
  if (!run) return;
  event.preventDefault();
  first = "";
  run();
}

/** Listens for keys, and fills the dialog's switch. */
export function startShortcuts() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("shortcuts"));
  const on = /** @type {HTMLInputElement} */ (byId("shortcuts-on"));
  on.checked = recall("shortcuts", true);
  on.addEventListener("change", () => remember("shortcuts", on.checked));
  byId("shortcuts-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  addShortcuts({
    "?": () => dialog.showModal(),
    "g t": () => location.assign("/"),
    "g h": () => location.assign("/history"),
    "g a": () => /** @type {HTMLElement | null} */ (document.querySelector('.bar a[href="/admin"]'))?.click(),
    l: switchTheme,
  });
  document.addEventListener("keydown", pressed);
}
