/** Light, dark, or as the system says. */
import { byId } from "../core/dom.js";

const NEXT = /** @type {Record<string, string>} */ ({ auto: "light", light: "dark", dark: "auto" });
const NAMES = /** @type {Record<string, string>} */ ({ auto: "as the system", light: "light", dark: "dark" });

function current() {
  return document.documentElement.dataset.theme ?? "auto";
}

function label() {
  const sentence = `Theme: ${NAMES[current()]}. Change to ${NAMES[NEXT[current()]]}`;
  byId("theme-label").textContent = sentence;
  byId("theme").title = `Theme: ${NAMES[current()]}`;
}

/** Goes to the next of the three and remembers it. */
export function switchTheme() {
  const next = NEXT[current()];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Lasts until the page is left.
  }
  label();
}

/** Makes the button in the bar work. */
export function startTheme() {
  byId("theme").addEventListener("click", switchTheme);
  label();
}
