/** New versions: the release feed is read on a click, and shown as text only. */

import { request } from "../core/api.js";
import { buttonById, byId, element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { hideProblem, showProblem, startPanel } from "./panel.js";

/** @typedef {import("../core/api.js").Responses["GET /admin/check-updates"]["releases"][number]} Release */

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  root.querySelector("#check")?.addEventListener("click", () => void checkForUpdates());
}

async function checkForUpdates() {
  const button = buttonById("check");
  button.disabled = true;
  byId("checked").textContent = t("Checking…");
  try {
    const { message, releases, update } = await request("GET /admin/check-updates");
    hideProblem();
    byId("checked").textContent = message;
    byId("update-commands").textContent = update.join("\n");
    byId("news").hidden = releases.length === 0;
    byId("releases").replaceChildren(...releases.map(releaseItem));
  } catch (error) {
    byId("checked").textContent = "";
    showProblem(error, () => void checkForUpdates());
  } finally {
    button.disabled = false;
  }
}

/** @param {Release} release */
function releaseItem({ version, date, notes, url }) {
  const item = element("li");
  item.append(element("h3", [version, date].filter(Boolean).join(" · ")), element("p", notes));
  if (url) {
    const link = element("a", t("More about {version}", { version }));
    link.href = url;
    link.rel = "noreferrer";
    item.append(link);
  }
  return item;
}
