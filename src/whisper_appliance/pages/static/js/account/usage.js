/** What the user has used, and what may be used. */
import { ask } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { bytes, counted, day, span } from "../core/format.js";

/**
 * @typedef {{day: string, key: string | null, jobs: number, audio_seconds: number, processing_seconds: number}} Used
 * @typedef {{quota: {minutes_per_month: number | null, storage_bytes: number | null, waiting_jobs: number},
 *   storage_bytes: number, month_seconds: number, days: Used[]}} Account
 */

/** @param {string} label @param {string} value @param {number | null} share @returns {HTMLElement} */
function measure(label, value, share) {
  const box = element("div", undefined, "measure");
  box.append(element("span", label, "soft"), element("strong", value));
  if (share !== null) {
    const bar = element("progress");
    bar.max = 1;
    bar.value = Math.min(1, share);
    bar.setAttribute("aria-label", label);
    box.append(bar);
  }
  return box;
}

/** @param {Account} account */
function show({ quota, storage_bytes: stored, month_seconds: month, days }) {
  const minutes = quota.minutes_per_month;
  const used = month < 1 ? "nothing yet" : span(month);
  byId("use").replaceChildren(
    measure(
      "Audio this month",
      minutes ? `${used} of ${span(minutes * 60)}` : used,
      minutes ? month / 60 / minutes : null,
    ),
    measure(
      "Stored",
      quota.storage_bytes ? `${bytes(stored)} of ${bytes(quota.storage_bytes)}` : bytes(stored),
      quota.storage_bytes ? stored / quota.storage_bytes : null,
    ),
    measure("May wait at once", counted(quota.waiting_jobs, "recording"), null),
  );
  const rows = days.map((each) => {
    const row = element("tr");
    const cells = [
      day(`${each.day}T12:00:00Z`),
      each.key ?? "Pages",
      String(each.jobs),
      span(each.audio_seconds),
    ];
    row.append(...cells.map((text, number) => element("td", text, number > 1 ? "number" : "")));
    return row;
  });
  byId("use-days").replaceChildren(...rows);
  byId("use-table").hidden = !rows.length;
}

/** Loads and shows it. */
export async function startUse() {
  try {
    show(await ask("/api/account"));
  } catch (error) {
    byId("use").replaceChildren(element("p", /** @type {Error} */ (error).message, "soft"));
  }
}
