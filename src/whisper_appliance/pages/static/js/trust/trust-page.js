/** The page about the certificate: unfolds the steps for this system, copies the fingerprint. */

import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";
import { startPage } from "../ui/page-frame.js";
import { showTrust } from "../ui/trust-line.js";

/** @type {[RegExp, string][]} The first match counts: Android's user agents also contain "Linux". */
const SYSTEMS = [
  [/iPhone|iPad/, "ios"],
  [/Android/, "android"],
  [/Firefox\//, "firefox"],
  [/Windows/, "windows"],
  [/Macintosh/, "macos"],
  [/Linux|X11/, "linux"],
];

/** @param {string} userAgent @param {number} touchPoints @returns {string | undefined} The id of the steps for it. */
export function systemOf(userAgent, touchPoints) {
  if (/Macintosh/.test(userAgent) && touchPoints > 1) return "ios"; // an iPad's user agent is that of a Mac
  return SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1];
}

/** @param {HTMLElement} root */
export function mount(root) {
  startPage(root);
  const system = systemOf(navigator.userAgent, navigator.maxTouchPoints);
  root.querySelector(`#${system}`)?.setAttribute("open", "");
  if (root.querySelector("#trust-state")) void showTrust();
  if (root.querySelector("#copy-fingerprint")) {
    startCopyButton(
      "copy-fingerprint",
      () => byId("fingerprint").textContent ?? "",
      t("Fingerprint copied."),
    );
  }
}
