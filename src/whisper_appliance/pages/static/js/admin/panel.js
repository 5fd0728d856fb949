/** What the pages of the admin panel share: the frame, the problem notice, loading and reloading. */
import { byId } from "../core/dom.js";
import { startPolling } from "../core/polling.js";
import { startPage } from "../ui/page-frame.js";

/** @param {HTMLElement} root */
export function startPanel(root) {
  startPage(root);
  // On phones the list of pages is a row, which is scrolled to the current one.
  const current = /** @type {HTMLElement | null} */ (root.querySelector(".admin-nav [aria-current]"));
  const row = current?.closest("ul");
  if (current && row && row.scrollWidth > row.clientWidth) {
    row.scrollLeft = current.offsetLeft - row.offsetLeft - 16;
  }
}

/** Shows an error in the page; a lost connection is shown in the frame. @param {unknown} error @param {() => void} [retry] */
export function showProblem(error, retry) {
  const { message, offline, requestId } = /** @type {import("../core/api.js").ApiError} */ (error);
  if (offline) return;
  byId("problem-text").textContent = requestId ? `${message} (${requestId})` : message;
  byId("problem").hidden = false;
  const button = byId("problem-retry");
  button.hidden = !retry;
  button.onclick = retry ?? null;
}

export function hideProblem() {
  byId("problem").hidden = true;
}

/**
 * Loads now, again and again while the page is visible, and after a lost connection; shows errors in the page.
 * @param {() => Promise<void>} load
 * @param {number | (() => number)} pauseSeconds 0: not again and again.
 * @returns {() => Promise<void>} Loads at once.
 */
export function keepFresh(load, pauseSeconds) {
  const refresh = startPolling({
    load: async () => {
      await load();
      hideProblem();
    },
    onError: (error) => showProblem(error, () => void refresh()),
    pauseSeconds: () => (typeof pauseSeconds === "number" ? pauseSeconds : pauseSeconds()),
  });
  return refresh;
}
