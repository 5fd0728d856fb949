/** New versions, asked for by a click. What the feed says is shown as text. */
import { ask } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { hideProblem, showProblem, startPanel } from "./panel.js";

/** @typedef {{version: string, date: string, notes: string, url: string}} Release */

async function look() {
  const button = /** @type {HTMLButtonElement} */ (byId("check"));
  button.disabled = true;
  byId("checked").textContent = "Asking…";
  try {
    const found = await ask("/admin/check-updates");
    hideProblem();
    byId("checked").textContent = found.message;
    byId("update-commands").textContent = found.update.join("\n");
    byId("news").hidden = found.releases.length === 0;
    byId("releases").replaceChildren(...found.releases.map(shown));
  } catch (error) {
    byId("checked").textContent = "";
    showProblem(error, look);
  } finally {
    button.disabled = false;
  }
}

/** @param {Release} release */
function shown(release) {
  const item = element("li");
  item.append(
    element("h3", [release.version, release.date].filter(Boolean).join(" · ")),
    element("p", release.notes),
  );
  if (release.url) {
    const link = element("a", `More about ${release.version}`);
    link.href = release.url;
    link.rel = "noreferrer";
    item.append(link);
  }
  return item;
}

startPanel();
document.getElementById("check")?.addEventListener("click", look);
