/** Forms that are sent as JSON, and errors at their fields. */

import { t } from "../core/i18n.js";

/** @typedef {import("../core/api.js").ApiError} ApiError */

/**
 * @param {HTMLFormElement} form With a `.field-error` element, and a submit button.
 * @param {(data: Record<string, string>) => Promise<void>} send An `ApiError` that it throws is shown in the form.
 */
export function onSubmit(form, send) {
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector("button:not([type=button])"));
  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    const fault = firstFault(form);
    showFormError(form, fault?.message ?? "", fault?.field);
    if (fault) return;
    submit.disabled = true;
    try {
      await send(formData(form));
    } catch (error) {
      const { message, field } = /** @type {ApiError} */ (error);
      showFormError(form, message, field);
    } finally {
      submit.disabled = false;
    }
  });
}

/**
 * What is wrong with the first wrong field: shown on the page, because a bubble of the browser has its own language.
 * @param {HTMLFormElement} form @returns {{message: string, field: string} | null}
 */
export function firstFault(form) {
  const wrong = /** @type {HTMLInputElement | null} */ (form.querySelector(":is(input, select):invalid"));
  if (!wrong) return null;
  const { name: field, validity, minLength, validationMessage } = wrong;
  if (validity.valueMissing) return { field, message: t("Fill in this field.") };
  if (validity.tooShort)
    return { field, message: t("Write {least} characters or more.", { least: minLength }) };
  return { field, message: validationMessage };
}

/** @param {HTMLFormElement} form @returns {Record<string, string>} */
export function formData(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}

/** @param {HTMLFormElement} form @param {string} sentence Empty: there is no error. @param {string} [field] Its name. */
export function showFormError(form, sentence, field = "") {
  const line = /** @type {HTMLElement} */ (form.querySelector(".field-error"));
  line.textContent = sentence;
  markInvalid(form, field ? form.querySelector(`[name="${CSS.escape(field)}"]`) : null);
}

/** Marks and focuses the one field that is wrong; null: none is. @param {HTMLElement} within @param {HTMLElement | null} field */
export function markInvalid(within, field) {
  for (const input of within.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
}
