/** Recovery codes, which are shown this once: to copy, or to download as a text file. */

import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";

const field = () => /** @type {HTMLTextAreaElement} */ (byId("recovery-codes"));

export function startRecoveryCodes() {
  startCopyButton("recovery-copy", () => field().value, t("Codes copied."));
}

/** @param {string[]} codes */
export function showRecoveryCodes(codes) {
  field().value = codes.join("\n");
  const title = t("Recovery codes of the Whisper Appliance at {host}", { host: location.host });
  const text = `${title}\n\n${codes.join("\n")}\n`;
  byId("recovery-download").setAttribute("href", `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`);
  byId("recovery").hidden = false;
  byId("recovery").focus();
}
