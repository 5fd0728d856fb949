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
  /** @param {boolean} isAsked Only of users with a second factor, after the password. */
  const askForCode = (isAsked) => {
    const input = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=code]"));
    if (!input) return; // people of a provider have no password here
    /** @type {HTMLElement} */ (input.closest("label")).hidden = !isAsked;
    input.required = isAsked;
    if (isAsked) input.focus();
  };
  onSubmit(form, async ({ password = "", code = "" }) => {
    try {
      await request("POST /api/session/confirm", { body: { password, code } });
    } catch (error) {
      if (/** @type {import("../core/api.js").ApiError} */ (error).code !== "second_factor_required")
        throw error;
      askForCode(true);
      return;
    }
    isConfirmed = true;
    dialog.close();
  });
  onConfirmationRequired(() => {
    isConfirmed = false;
    form.reset();
    askForCode(false);
    showFormError(form, "");
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(isConfirmed), { once: true });
    });
  });
}
