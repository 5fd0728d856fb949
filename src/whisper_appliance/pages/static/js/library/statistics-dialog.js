/** The dialog of statistics: hours of audio in the list, by month, language, folder, speaker and source, as bars. */

import { messageOf, request } from "../core/api.js";
import { byId, dialogById, element } from "../core/dom.js";
import { duration, languageName } from "../core/format.js";
import { locale, t, tn } from "../core/i18n.js";
import { closeOnBackdrop, closeOnClick, focusAfter } from "../ui/dialog.js";
import { sourceName } from "./filters.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_MONTHS = 24;
const MOST_ROWS = 12;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/statistics"]} Statistics
 * @typedef {Statistics["months"][number]} Group
 */

/**
 * @param {readonly Group[]} months In their order. @returns {Group[]} The last ones, with those without transcripts.
 */
export function withoutGaps(months) {
  const [first, last] = [months[0]?.value, months.at(-1)?.value];
  if (!first || !last) return [];
  const known = new Map(months.map((month) => [month.value, month]));
  const all = [];
  for (let [year = 0, month = 1] = first.split("-").map(Number); ; month += 1) {
    if (month > 12) [year, month] = [year + 1, 1];
    const value = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
    all.push(known.get(value) ?? { value, transcripts: 0, seconds: 0 });
    if (value >= last) return all.slice(-MOST_MONTHS);
  }
}

export class StatisticsDialog {
  /** @param {() => URLSearchParams} query Of the list that is shown. */
  constructor(query) {
    this.query = query;
    this.dialog = dialogById("statistics-dialog");
    closeOnClick(byId("statistics-close"));
    closeOnBackdrop(this.dialog);
    focusAfter(this.dialog, byId("open-statistics"));
    byId("open-statistics").addEventListener("click", () => void this.#open());
  }

  async #open() {
    byId("statistics-total").textContent = t("Loading");
    byId("statistics-plots").replaceChildren();
    this.dialog.showModal();
    try {
      this.#show(await request("GET /api/transcripts/statistics", { query: this.query() }));
    } catch (error) {
      byId("statistics-total").textContent = messageOf(error);
    }
  }

  /** @param {Statistics} statistics */
  #show({ total, seconds, months, languages, folders, speakers, sources }) {
    const count = tn("{count} transcript", "{count} transcripts", total);
    byId("statistics-total").textContent = total ? `${count} · ${duration(seconds)}` : count;
    byId("statistics-plots").replaceChildren(
      ...plot(t("Months"), withoutGaps(months).reverse(), monthName, MOST_MONTHS),
      ...plot(t("Languages"), languages, languageName),
      ...plot(t("Folders"), folders.length > 1 ? folders : [], (name) => name || t("In no folder")),
      ...plot(t("Speakers"), speakers, (name) => name),
      ...plot(t("Sources"), sources.length > 1 ? sources : [], sourceName),
    );
  }
}

/** @param {string} month @returns {string} */
function monthName(month) {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const format = new Intl.DateTimeFormat(locale(), { month: "short", year: "numeric" });
  return format.format(new Date(year, number - 1, 1));
}

/**
 * @param {string} title @param {readonly Group[]} groups @param {(value: string) => string} nameOf @param {number} [most]
 * @returns {HTMLElement[]} A table with a bar in each row; nothing without groups.
 */
function plot(title, groups, nameOf, most = MOST_ROWS) {
  if (!groups.length) return [];
  const table = element("table", undefined, "bars");
  table.append(element("caption", title));
  const longest = Math.max(...groups.map(({ seconds }) => seconds), 1);
  for (const { value, transcripts, seconds } of groups.slice(0, most)) {
    const row = table.insertRow();
    const name = element("th", nameOf(value));
    name.scope = "row";
    name.dir = "auto";
    const cell = row.insertCell();
    cell.append(bar(seconds / longest));
    row.prepend(name);
    row.insertCell().textContent = transcripts ? `${duration(seconds)} · ${transcripts}` : "–";
  }
  return [table];
}

/** @param {number} share Of the width, from 0 to 1. */
function bar(share) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("width", `${(share * 100).toFixed(2)}%`);
  rect.setAttribute("height", "100%");
  rect.setAttribute("rx", "2");
  svg.append(rect);
  return svg;
}
