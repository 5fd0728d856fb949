/** Copies text to the clipboard, and shows in a toast whether it worked. */

import { buttonById, element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { toast } from "./toast.js";

/** Works without a secure context too, which navigator.clipboard needs. @param {string} text */
async function writeClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", text, "hidden");
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser did not allow copying.");
}

/**
 * @param {string} text
 * @param {string} done The toast after it.
 * @param {() => void} [onFailed] What helps a person to copy it by hand; otherwise a toast has to do.
 */
export async function copyText(text, done, onFailed) {
  const failed = onFailed ?? (() => toast(t("Can't copy here. Select the text and copy it by hand.")));
  await writeClipboard(text).then(() => toast(done), failed);
}

/** Copies the value of a field; where that fails, selects it. @param {HTMLInputElement} input @param {string} done */
export async function copyField(input, done) {
  await copyText(input.value, done, () => input.select());
}

/** @param {string} id Of the button. @param {HTMLInputElement | (() => string)} source @param {string} done The toast. */
export function startCopyButton(id, source, done) {
  const copy = () => (typeof source === "function" ? copyText(source(), done) : copyField(source, done));
  buttonById(id).addEventListener("click", () => void copy());
}
