/** Dangerous requests: refused until the user has confirmed with the password, then sent again. */

/** @typedef {import("./api.js").ApiError} ApiError */

/** @type {(() => Promise<boolean>) | undefined} */
let ask;
/** @type {Promise<boolean> | undefined} The dialog that is open. */
let asking;

/** @param {() => Promise<boolean>} run Opens the dialog; resolves to whether the user confirmed. */
export function onConfirmationRequired(run) {
  ask = run;
}

/** @returns {Promise<boolean>} Whether the user confirmed. Several refused requests share one dialog. */
export function confirmPassword() {
  asking ??= (ask?.() ?? Promise.resolve(false)).finally(() => {
    asking = undefined;
  });
  return asking;
}

/**
 * @template T
 * @param {() => Promise<T>} send Is called again after a confirmation. An `ApiError` that it throws is thrown on
 *   when there was none.
 * @returns {Promise<T>}
 */
export async function repeatConfirmed(send) {
  try {
    return await send();
  } catch (error) {
    const isRefused = /** @type {ApiError} */ (error).code === "confirmation_required";
    if (!isRefused || !(await confirmPassword())) throw error;
    return send();
  }
}
