/** What every page starts. */
import { startAccount } from "./account-menu.js";
import { startBar } from "./status-bar.js";
import { startMenus } from "./menu.js";
import { startShortcuts } from "./shortcuts.js";
import { startTheme } from "./theme.js";

/** Bar, theme, menus, keys, the account's menu. */
export function startPage() {
  startTheme();
  startMenus();
  startAccount();
  startShortcuts();
  startBar();
}
