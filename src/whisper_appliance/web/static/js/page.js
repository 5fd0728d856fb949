/** What every page starts. */
import { startBar } from "./bar.js";
import { startMenus } from "./menus.js";
import { startShortcuts } from "./shortcuts.js";
import { startTheme } from "./theme.js";

/** Bar, theme, menus, keys. */
export function startPage() {
  startTheme();
  startMenus();
  startShortcuts();
  startBar();
}
