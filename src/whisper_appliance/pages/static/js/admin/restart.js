/** The restart: asks, tells the appliance, waits until another start of it answers, and shows the page anew. */
import { ask } from "../core/api.js";
import { byId } from "../core/dom.js";
import { confirmed } from "../ui/confirm.js";
import { showProblem } from "./panel.js";

/** @typedef {{possible: boolean, reason: string, instance: string, waiting: string[]}} Restart */

const ASK_MILLISECONDS = 1000;
const PATIENCE_MILLISECONDS = 120_000;

/** @param {Restart} seen */
export async function restart(seen) {
  const text = `Pages and the API are away for some seconds. Jobs and live sessions are put aside and go on after the start. ${seen.reason}`;
  if (!(await confirmed({ title: "Restart the appliance?", text, action: "Restart" }))) return;
  try {
    await ask("/api/admin/restart", { method: "POST" });
  } catch (error) {
    showProblem(error);
    return;
  }
  const dialog = /** @type {HTMLDialogElement} */ (byId("restarting"));
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
  if (await another(seen.instance)) location.reload();
  else
    byId("restarting-text").textContent =
      "It has not come back within two minutes. Look at its log on the machine; this page goes on asking when it is loaded anew.";
}

/** @param {string} instance @returns {Promise<boolean>} Whether another start answered in time. */
async function another(instance) {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, ASK_MILLISECONDS));
    try {
      const now = /** @type {Restart} */ (await ask("/api/admin/restart"));
      if (now.instance !== instance) return true;
    } catch {
      continue; // it is away
    }
  }
  return false;
}
