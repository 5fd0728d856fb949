/** The second factor in the account: whether it is on, new recovery codes, turning it off. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { byId, dialogById, formById, showFacts } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { closeOnClick } from "../ui/dialog.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";
import { showRecoveryCodes, startRecoveryCodes } from "./recovery-codes.js";

/** Starts the section and its dialog. */
export function startSecondFactor() {
  const dialog = dialogById("second-factor-dialog");
  startRecoveryCodes();
  byId("recovery-renew").addEventListener("click", () => void renewCodes());
  byId("second-factor-off").addEventListener("click", () => {
    formById("second-factor-form").reset();
    dialog.showModal();
  });
  closeOnClick(byId("second-factor-keep"));
  onSubmit(formById("second-factor-form"), async ({ password = "", code = "" }) => {
    await request("DELETE /api/account/second-factor", { body: { password, code } });
    dialog.close();
    byId("recovery").hidden = true;
    toast(t("The second factor is off."));
    await load();
  });
  void load();
}

async function load() {
  try {
    const { since, recovery_codes: left } = await request("GET /api/account/second-factor");
    byId("second-factor-set-up").hidden = since !== null;
    byId("second-factor-on").hidden = since === null;
    if (since === null) return;
    showFacts(byId("second-factor-facts"), [
      t("on since {since}", { since: dayAndTimeInline(since) }),
      tn("{count} recovery code left", "{count} recovery codes left", left),
    ]);
  } catch (error) {
    toast(messageOf(error));
  }
}

async function renewCodes() {
  const text = t("The earlier ones stop working.");
  const action = t("Make new codes");
  if (!(await confirmed({ title: t("Make new recovery codes?"), text, action }))) return;
  try {
    const made = await request("POST /api/account/second-factor/recovery-codes");
    showRecoveryCodes(made.recovery_codes);
    await load();
  } catch (error) {
    toast(messageOf(error));
  }
}
