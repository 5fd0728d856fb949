/** Sign-in, set-up and invitation: one form, sent as JSON; then on to the page that was wanted. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { all, buttonById, byId, formById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { firstFault, formData, markInvalid } from "../ui/form.js";
import { startPage } from "../ui/page-frame.js";
import { hasPasskeys, signWithPasskey } from "./webauthn.js";

/** @typedef {import("../core/api.js").ApiError} ApiError */

/** @param {HTMLElement} root */
export function mount(root) {
  // A token in the address should stay neither in the address bar nor in the browser's history.
  if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname);
  new AuthForm(root);
  startPage(root);
}

class AuthForm {
  #form = formById("entrance");
  #submit = buttonById("send");
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#form.noValidate = true;
    this.#form.addEventListener("submit", (event) => void this.#onSubmit(event));
    this.#form.querySelector("#language")?.addEventListener("change", () => this.#changeLanguage());
    for (const button of /** @type {HTMLButtonElement[]} */ (all(root, "[data-shows]"))) {
      button.addEventListener("click", () => this.#togglePassword(button));
    }
    const passkey = /** @type {HTMLElement | null} */ (root.querySelector("#passkey")); // where anybody has one
    if (!passkey || !hasPasskeys()) return;
    passkey.hidden = false;
    passkey.addEventListener("click", () => void this.#signInWithPasskey());
  }

  /** @param {string} name @returns {HTMLInputElement | null} */
  #field(name) {
    return this.#form.querySelector(`input[name="${name}"]:not([type="hidden"], [type="radio"])`);
  }

  /** @param {SubmitEvent} event */
  async #onSubmit(event) {
    event.preventDefault();
    if (this.#submit.disabled) return;
    const fault = firstFault(this.#form);
    this.#showProblem(fault?.message ?? "", fault?.field);
    if (fault) return;
    this.#submit.disabled = true;
    try {
      const route = /** @type {"POST /api/session" | "POST /api/setup" | "POST /api/join"} */ (
        `POST ${this.#form.dataset.post}`
      );
      await request(route, { body: /** @type {any} */ (formData(this.#form)) });
      location.assign(fromRoot(this.#form.dataset.next ?? "/"));
    } catch (error) {
      this.#onRefused(/** @type {ApiError} */ (error));
    }
  }

  async #signInWithPasskey() {
    this.#showProblem("");
    try {
      const credential = await signWithPasskey(await request("POST /api/session/passkey/options"));
      await request("POST /api/session/passkey", { body: { credential } });
      location.assign(fromRoot(this.#form.dataset.next ?? "/"));
    } catch (error) {
      this.#showProblem(messageOf(error));
    }
  }

  /** The second step: the fields of the first stay filled in, and are sent again with the code. */
  #askForCode() {
    byId("password-step").hidden = true;
    document.getElementById("passkey")?.remove();
    byId("code-step").hidden = false;
    const code = /** @type {HTMLInputElement} */ (this.#field("code"));
    code.required = true;
    code.focus();
  }

  /** @param {ApiError} error */
  #onRefused({ message, code, field, status, retryAfterSeconds }) {
    this.#submit.disabled = false;
    if (code === "second_factor_required") return this.#askForCode();
    this.#showProblem(message, field);
    if (status === 429 && retryAfterSeconds) this.#countDown(message, retryAfterSeconds);
    if (status === 401) this.#field(field || "password")?.select();
  }

  /** @param {string} sentence Empty: there is none. @param {string} [name] Of the field that is wrong. */
  #showProblem(sentence, name = "") {
    const wrong = name ? this.#field(name) : null;
    byId("problem-text").textContent = sentence;
    byId("problem").hidden = !sentence;
    markInvalid(this.#form, wrong);
    if (!wrong && sentence) byId("problem").focus();
  }

  /** @param {string} sentence @param {number} seconds Until the server accepts another attempt. */
  #countDown(sentence, seconds) {
    clearInterval(this.#countdown);
    const end = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      this.#submit.disabled = left > 0;
      byId("problem-text").textContent = left > 0 ? `${sentence} (${left} s)` : t("You can try again now.");
      if (left <= 0) clearInterval(this.#countdown);
    };
    tick();
    this.#countdown = setInterval(tick, 500);
  }

  /** Loads the page in the chosen language, with the token that has left its address. */
  #changeLanguage() {
    const { language, token } = /** @type {Record<string, string>} */ (formData(this.#form));
    const query = new URLSearchParams({ ...(token ? { token } : {}), language: language ?? "" });
    location.replace(`${location.pathname}?${query}`);
  }

  /** @param {HTMLButtonElement} button */
  #togglePassword(button) {
    const input = this.#field(button.dataset.shows ?? "");
    if (!input) return;
    const isShown = input.type === "password";
    input.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
    input.focus();
  }
}
