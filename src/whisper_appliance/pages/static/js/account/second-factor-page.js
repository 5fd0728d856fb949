/** The set-up of a second factor: the key for an authenticator app, its first code, the recovery codes. */

import { messageOf, request } from "../core/api.js";
import { byId, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { startCopyButton } from "../ui/copy-button.js";
import { onSubmit, showFormError } from "../ui/form.js";
import { startPage } from "../ui/page-frame.js";
import { showRecoveryCodes, startRecoveryCodes } from "./recovery-codes.js";

/** @param {HTMLElement} root */
export function mount(root) {
  startPage(root);
  if (!root.querySelector("#second-factor-form")) return; // it is on already
  const form = formById("second-factor-form");
  startCopyButton("secret-copy", () => byId("secret").textContent ?? "", t("Key copied."));
  startRecoveryCodes();
  onSubmit(form, async ({ code = "" }) => {
    const made = await request("POST /api/account/second-factor/activate", { body: { code } });
    byId("enrolment").hidden = true;
    showRecoveryCodes(made.recovery_codes);
  });
  void showSecret(form);
}

/** @param {HTMLFormElement} form */
async function showSecret(form) {
  try {
    const { secret, qr_code } = await request("POST /api/account/second-factor");
    const groups = secret.match(/.{1,4}/g) ?? [];
    byId("secret").textContent = groups.join(" ");
    const image = /** @type {HTMLImageElement} */ (byId("qr-code"));
    image.src = qr_code;
  } catch (error) {
    showFormError(form, messageOf(error));
  }
}
