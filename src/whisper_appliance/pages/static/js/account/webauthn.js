/** WebAuthn in the browser: makes passkeys, and signs with them. Options and answers are JSON of the API. */

import { t } from "../core/i18n.js";

/** @typedef {{public_key: Record<string, unknown>}} Options */

/** @returns {boolean} Whether this browser, at this address, can use passkeys. */
export function hasPasskeys() {
  return window.isSecureContext && "parseCreationOptionsFromJSON" in (window.PublicKeyCredential ?? {});
}

/** @param {Options} options @returns {Promise<Record<string, unknown>>} The new passkey. */
export function createPasskey({ public_key }) {
  const parsed = PublicKeyCredential.parseCreationOptionsFromJSON(/** @type {any} */ (public_key));
  return answerOf(navigator.credentials.create({ publicKey: parsed }));
}

/** @param {Options} options @returns {Promise<Record<string, unknown>>} The signed challenge. */
export function signWithPasskey({ public_key }) {
  const parsed = PublicKeyCredential.parseRequestOptionsFromJSON(/** @type {any} */ (public_key));
  return answerOf(navigator.credentials.get({ publicKey: parsed }));
}

/** @param {Promise<Credential | null>} asked */
async function answerOf(asked) {
  let credential;
  try {
    credential = /** @type {PublicKeyCredential | null} */ (await asked);
  } catch (error) {
    const { name } = /** @type {DOMException} */ (error);
    if (name === "InvalidStateError") throw new Error(t("This device has a passkey for you already."));
    throw new Error(t("No passkey was used."));
  }
  if (!credential) throw new Error(t("No passkey was used."));
  return /** @type {any} */ (credential.toJSON());
}
