/** Forms that are sent as JSON, and errors at their fields. */

/** @typedef {import("../core/api.js").ApiError} ApiError */

/**
 * @param {HTMLFormElement} form With a `.field-error` element, and a submit button.
 * @param {(data: Record<string, string>) => Promise<void>} send An `ApiError` that it throws is shown in the form.
 */
export function onSubmit(form, send) {
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector("button:not([type=button])"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    showFormError(form, "");
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
