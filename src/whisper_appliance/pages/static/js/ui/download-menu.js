/** The menu with a transcript's export formats. */
import { all } from "../core/dom.js";

/** @param {HTMLElement} menu @param {string} path Of the transcript in the API. @param {string} title Names the files. */
export function fillDownloads(menu, path, title) {
  const name = title.replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ").trim() || "transcript";
  const links = /** @type {HTMLAnchorElement[]} */ (all(menu, "a[data-format]"));
  for (const link of links) {
    const format = link.dataset.format ?? "txt";
    link.href = `${path}?format=${format}${format === "json" ? "&download=true" : ""}`;
    link.download = `${name}.${format}`;
  }
}
