/** Forms that are sent as JSON: one problem line each, told beside the field it is about. */

/**
 * @param {HTMLFormElement} form With a `.field-error` element, and a submit button.
 * @param {(data: Record<string, string>) => Promise<void>} send What to do; an `ApiError` is shown.
 */
export function onSubmit(form, send) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button:not([type=button])"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    say(form, "");
    button.disabled = true;
    try {
      const entries = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
      await send(Object.fromEntries(entries));
    } catch (error) {
      const { message, field } = /** @type {import("../core/api.js").ApiError} */ (error);
      say(form, message, field);
    } finally {
      button.disabled = false;
    }
  });
}

/** @param {HTMLFormElement} form @param {string} sentence Empty: all is well. @param {string} [field] */
export function say(form, sentence, field = "") {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  const line = /** @type {HTMLElement} */ (form.querySelector(".field-error"));
  line.textContent = sentence;
  const wrong = /** @type {HTMLElement | null} */ (
    field ? form.querySelector(`[name="${CSS.escape(field)}"]`) : null
  );
  wrong?.setAttribute("aria-invalid", "true");
  wrong?.focus();
}
