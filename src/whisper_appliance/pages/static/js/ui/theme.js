/** The theme switch: light, dark, or as the system. */

import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";

/** @typedef {"auto" | "light" | "dark"} Theme */

/** @type {Record<Theme, Theme>} */
const NEXT = { auto: "light", light: "dark", dark: "auto" };
/** @type {Record<Theme, string>} */
const NAMES = { auto: t("as the system"), light: t("light"), dark: t("dark") };

function currentTheme() {
  return /** @type {Theme} */ (document.documentElement.dataset.theme ?? "auto");
}

function showTheme() {
  const theme = currentTheme();
  byId("theme-label").textContent = t("Theme: {theme}. Change to {next}", {
    theme: NAMES[theme],
    next: NAMES[NEXT[theme]],
  });
  byId("theme").title = t("Theme: {theme}", { theme: NAMES[theme] });
}

/** Changes to the next of the three and stores it. */
export function switchTheme() {
  const next = NEXT[currentTheme()];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next); // plain text, because theme-init.js reads it without JSON
  } catch {
    // Storage is blocked: it lasts until the page is left.
  }
  showTheme();
}

/** Starts the button in the bar. */
export function startTheme() {
  byId("theme").addEventListener("click", switchTheme);
  showTheme();
}
