/** The account: name and password, sessions, API keys, usage, data, deletion. */

import { fromRoot } from "../core/addresses.js";
import { request } from "../core/api.js";
import { byId, dialogById, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { closeOnClick } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";
import { startKeys } from "./api-keys.js";
import { startPasskeys } from "./passkeys.js";
import { startSecondFactor } from "./second-factor.js";
import { startSessions } from "./sessions.js";
import { showUsage } from "./usage.js";
import { startVoices } from "./voices.js";
import { startWebhooks } from "./webhooks.js";

/** @param {HTMLElement} root */
export function mount(root) {
  startPage(root);
  const loadSessions = startSessions();
  onSubmit(formById("name-form"), async ({ name = "" }) => {
    await request("PATCH /api/account", { body: { name } });
    toast(t("Name changed. It is the one to sign in with from now on."));
  });
  onSubmit(formById("language-form"), async ({ language = "" }) => {
    await request("PUT /api/account/language", { body: { language: language || null } });
    location.reload();
  });
  onSubmit(formById("model-form"), async ({ model = "" }) => {
    await request("PUT /api/account/model", { body: { model: model || null } });
    toast(t("Saved. It holds for new recordings."));
  });
  const recordings = /** @type {HTMLFormElement | null} */ (root.querySelector("#recordings-form")); // where any are kept
  if (recordings) {
    onSubmit(recordings, async ({ days = "" }) => {
      await request("PUT /api/account/recordings", { body: { days: days ? Number(days) : null } });
      toast(t("Saved. It holds for new recordings."));
    });
  }
  onSubmit(formById("password-form"), async ({ old = "", new: changed = "" }) => {
    await request("POST /api/account/password", { body: { old, new: changed } });
    formById("password-form").reset();
    toast(t("Password changed. You were signed out everywhere else."));
    await loadSessions();
  });
  startVoices();
  startSecondFactor();
  startPasskeys();
  startDeletion();
  startKeys();
  startWebhooks();
  void showUsage();
}

function startDeletion() {
  const dialog = dialogById("delete-dialog");
  byId("delete-open").addEventListener("click", () => dialog.showModal());
  closeOnClick(byId("delete-no"));
  onSubmit(formById("delete-form"), async ({ password = "" }) => {
    await request("DELETE /api/account", { body: { password } });
    location.assign(fromRoot("/"));
  });
}
