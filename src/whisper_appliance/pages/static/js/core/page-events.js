/** Events between the parts of a page that do not import each other: the connection, and the status. */

/** @typedef {import("./api-types.d.ts").Responses["GET /api/status"]} Status */

/** @param {boolean} reached Whether the last request got a response. */
export function reportConnection(reached) {
  document.dispatchEvent(new CustomEvent("connection", { detail: reached }));
}

/** @param {(reached: boolean) => void} run Called after each request. */
export function onConnection(run) {
  document.addEventListener("connection", (event) => run(/** @type {CustomEvent} */ (event).detail));
}

/** The connection was lost, and is back. */
export function reportReconnected() {
  document.dispatchEvent(new CustomEvent("reconnected"));
}

/** @param {() => void} run @param {AddEventListenerOptions} [options] */
export function onReconnected(run, options) {
  document.addEventListener("reconnected", run, options);
}

/** @param {Status} status */
export function reportStatus(status) {
  document.dispatchEvent(new CustomEvent("status", { detail: status }));
}

/** @param {(status: Status) => void} run Called with each status of the appliance that was loaded. */
export function onStatus(run) {
  document.addEventListener("status", (event) => run(/** @type {CustomEvent} */ (event).detail));
}
