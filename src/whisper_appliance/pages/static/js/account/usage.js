/** Usage of the account against its quotas, and by day and API key. */

import { messageOf, request } from "../core/api.js";
import { day } from "../core/datetime.js";
import { byId, element } from "../core/dom.js";
import { bytes, duration } from "../core/format.js";
import { t, tn } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account"]} Account */

export async function showUsage() {
  try {
    const account = await request("GET /api/account");
    byId("use").replaceChildren(...measures(account));
    showDays(account.days);
  } catch (error) {
    byId("use").replaceChildren(element("p", messageOf(error), "soft"));
  }
}

/** @param {Account} account */
function measures({ quota, storage_bytes: stored, month_seconds: seconds }) {
  const minutes = quota.minutes_per_month;
  const limit = quota.storage_bytes;
  const used = seconds < 1 ? t("nothing yet") : duration(seconds);
  return [
    measure(
      t("Audio this month"),
      minutes ? t("{used} of {minutes}", { used, minutes: duration(minutes * 60) }) : used,
      minutes ? seconds / 60 / minutes : null,
    ),
    measure(
      t("Stored"),
      limit ? t("{stored} of {limit}", { stored: bytes(stored), limit: bytes(limit) }) : bytes(stored),
      limit ? stored / limit : null,
    ),
    measure(
      t("May wait at once"),
      tn("{count} recording", "{count} recordings", quota.waiting_jobs ?? 0),
      null,
    ),
  ];
}

/** @param {string} label @param {string} value @param {number | null} share Of the quota; null: there is none. */
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

/** @param {Account["days"]} days */
function showDays(days) {
  const rows = days.map((each) => {
    const date = day(`${each.day}T12:00:00Z`);
    const cells = [date, each.key ?? t("Pages"), String(each.jobs), duration(each.audio_seconds)];
    const row = element("tr");
    row.append(...cells.map((text, number) => element("td", text, number > 1 ? "number" : "")));
    return row;
  });
  byId("use-days").replaceChildren(...rows);
  byId("use-table").hidden = !rows.length;
}
