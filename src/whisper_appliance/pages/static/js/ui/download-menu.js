/** The menu with a transcript's export formats. */
import { fromRoot } from "../core/addresses.js";
import { messageOf, readFile } from "../core/api.js";
import { all } from "../core/dom.js";
import { openExportDialog } from "./export-dialog.js";
import { toast } from "./toast.js";

/** @param {HTMLElement} menu @param {string} path Of the transcript in the API, from the root. @param {string} title Names the files. */
export function fillDownloads(menu, path, title) {
  const address = fromRoot(path);
  const name = fileName(title);
  const links = /** @type {HTMLAnchorElement[]} */ (all(menu, "a[data-format]"));
  for (const link of links) {
    const format = link.dataset.format ?? "txt";
    link.href = `${address}?format=${format}${format === "json" ? "&download=true" : ""}`;
    link.download = `${name}.${format}`;
  }
  const more = /** @type {HTMLAnchorElement | null} */ (menu.querySelector("a[data-more]"));
  if (!more) return;
  more.onclick = (event) => {
    event.preventDefault();
    menu.querySelector("summary")?.focus(); // the link is gone when the dialog closes
    openExportDialog((query) => saveFile(`${address}?${query}`, `${name}.${query.get("format")}`));
  };
  const pdf = /** @type {HTMLAnchorElement | null} */ (menu.querySelector("a[data-format=pdf]"));
  if (pdf) pdf.onclick = (event) => void saveLinked(event, pdf);
}

/** @param {string} title @returns {string} Without an ending. */
export const fileName = (title) => title.replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ").trim() || "transcript";

/**
 * Saves what a link leads to. Shows an error on the page: the machine may lack the fonts or the space, or be busy.
 * @param {Event} event @param {HTMLAnchorElement} link
 */
export async function saveLinked(event, link) {
  event.preventDefault();
  try {
    await saveFile(link.href, link.download);
  } catch (error) {
    toast(messageOf(error));
  }
}

/** @param {string} url @param {string} name @param {object} [body] See `readFile`. */
export async function saveFile(url, name, body) {
  const address = URL.createObjectURL(await readFile(url, body));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
