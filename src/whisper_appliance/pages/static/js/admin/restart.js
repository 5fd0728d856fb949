/** The restart: confirms it, requests it, and reloads the page when another instance answers. */

import { request } from "../core/api.js";
import { byId, dialogById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { showProblem } from "./panel.js";

const POLL_MILLISECONDS = 1000;
const PATIENCE_MILLISECONDS = 20_000;

/** @param {import("../core/api.js").Responses["GET /api/admin/restart"]} state */
export async function restart({ instance, reason, start_command }) {
  const text = t(
    "Pages and the API are away for some seconds. Jobs and live sessions are put aside and go on after the start. {reason}",
    { reason },
  );
  if (!(await confirmed({ title: t("Restart the appliance?"), text, action: t("Restart") }))) return;
  try {
    await request("POST /api/admin/restart");
  } catch (error) {
    showProblem(error);
    return;
  }
  const dialog = dialogById("restarting");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
  const silence = setTimeout(() => {
    byId("restarting-text").textContent = t("It has not come back: start it on the machine with {command}", {
      command: start_command,
    });
  }, PATIENCE_MILLISECONDS);
  await untilRestarted(instance);
  clearTimeout(silence);
  location.reload();
}

/** @param {string} before The instance before. @returns {Promise<void>} When another one answers. */
async function untilRestarted(before) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    const state = await request("GET /api/admin/restart").catch(() => null); // null while it is away
    if (state && state.instance !== before) return;
  }
}
