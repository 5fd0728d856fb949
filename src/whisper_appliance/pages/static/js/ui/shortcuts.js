/** Keyboard shortcuts: single keys ("o") and pairs ("g h"). All can be switched off, and none is the only way. */
import { fromRoot } from "../core/addresses.js";
import { byId, dialogById, inputById } from "../core/dom.js";
import { readStored, writeStored } from "../core/storage.js";
import { closeOnBackdrop } from "./dialog.js";
import { switchTheme } from "./theme.js";

const PAIR_MILLISECONDS = 1200;
const STORAGE_KEY = "shortcuts";

/** @param {EventTarget | null} target */
function isTextInput(target) {
  const inputs = "input:not([type=checkbox]), textarea, select";
  return target instanceof HTMLElement && (target.isContentEditable || target.matches(inputs));
}

/** @param {EventTarget | null} target What the space bar presses. */
function isControl(target) {
  return target instanceof HTMLElement && Boolean(target.closest("button, summary, a, input, [role=button]"));
}

export class Shortcuts {
  /** @type {Map<string, () => void>} */
  #actions = new Map();
  #lastKey = "";
  #lastKeyAt = 0;

  constructor() {
    const dialog = dialogById("shortcuts");
    const enabled = inputById("shortcuts-on");
    enabled.checked = readStored(STORAGE_KEY, true);
    enabled.addEventListener("change", () => writeStored(STORAGE_KEY, enabled.checked));
    byId("shortcuts-open").addEventListener("click", () => dialog.showModal());
    closeOnBackdrop(dialog);
    this.add({
      "?": () => dialog.showModal(),
      "g t": () => location.assign(fromRoot("/")),
      "g q": () => location.assign(fromRoot("/queue")),
      "g h": () => location.assign(fromRoot("/history")),
      "g a": () =>
        /** @type {HTMLElement | null} */ (document.querySelector('.bar a[href$="/admin"]'))?.click(),
      l: switchTheme,
    });
    document.addEventListener("keydown", (event) => this.#onKeyDown(event));
  }

  /** @param {Record<string, () => void>} actions What to do, by key ("o", "Shift+ArrowLeft") or pair of keys ("g h"). */
  add(actions) {
    for (const [key, run] of Object.entries(actions)) this.#actions.set(key, run);
  }

  /** @param {string} key @returns {(() => void) | undefined} What it does on this page. */
  actionOf(key) {
    return this.#actions.get(key);
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTextInput(event.target)) return;
    if (event.defaultPrevented || (event.key === " " && isControl(event.target))) return;
    if (!readStored(STORAGE_KEY, true) || document.querySelector("dialog[open]")) return;
    const key = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
    const isPair = performance.now() - this.#lastKeyAt < PAIR_MILLISECONDS;
    const run = (isPair && this.#actions.get(`${this.#lastKey} ${key}`)) || this.#actions.get(key);
    [this.#lastKey, this.#lastKeyAt] = [key, performance.now()];
    if (!run) return;
    event.preventDefault();
    this.#lastKey = "";
    run();
  }
}
