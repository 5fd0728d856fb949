/** The dialog that confirms a dangerous action by password. */

import { request } from "../core/api.js";
import { onConfirmationRequired } from "../core/confirmation.js";
import { formById } from "../core/dom.js";
import { closeOnClick } from "./dialog.js";
import { onSubmit, showFormError } from "./form.js";

/** @param {HTMLElement} root The body. Only pages of signed-in users have the dialog. */
export function startPasswordDialog(root) {
  const dialog = /** @type {HTMLDialogElement | null} */ (root.querySelector("#password-dialog"));
  if (!dialog) return;
  const form = formById("confirm-password-form");
  let isConfirmed = false;
  closeOnClick(/** @type {HTMLElement} */ (form.querySelector("[type=button]")));
  onSubmit(form, async ({ password = "" }) => {
    await request("POST /api/session/confirm", { body: { password } });
    isConfirmed = true;
    dialog.close();
  });
  onConfirmationRequired(() => {
    isConfirmed = false;
    form.reset();
    showFormError(form, "");
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(isConfirmed), { once: true });
    });
  });
}
