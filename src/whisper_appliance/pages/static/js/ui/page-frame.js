/** The frame around every page: bar, theme, menus, shortcuts, the account's menu. */
import { startAccountMenu } from "./account-menu.js";
import { startMenus } from "./menu.js";
import { removeNotWhole } from "./not-whole.js";
import { startPalette } from "./palette.js";
import { startPasswordDialog } from "./password-dialog.js";
import { Shortcuts } from "./shortcuts.js";
import { StatusBar } from "./status-bar.js";
import { startTheme } from "./theme.js";

/** @param {HTMLElement} root The body. @returns {{shortcuts: Shortcuts}} To which a page adds its own. */
export function startPage(root) {
  removeNotWhole();
  startTheme();
  startMenus();
  startAccountMenu(root);
  startPasswordDialog(root);
  const shortcuts = new Shortcuts();
  startPalette(shortcuts);
  // Without a chip nobody is signed in to an appliance that needs an account.
  if (root.querySelector("#model-chip")) new StatusBar().start();
  return { shortcuts };
}
