/** What the pages of the admin panel share: the frame, the problem notice, loading and reloading. */
import { byId } from "../core/dom.js";
import { onReconnected } from "../core/page-events.js";
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
 * Loads now, again and again while the page is visible, and after a lost connection.
 * @param {() => Promise<void>} load
 * @param {number} seconds 0: not again and again.
 * @returns {() => Promise<void>} Loads at once.
 */
export function keepFresh(load, seconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const refresh = async () => {
    clearTimeout(timer);
    try {
      await load();
      hideProblem();
    } catch (error) {
      showProblem(error, () => void refresh());
    }
    clearTimeout(timer);
    if (seconds && !document.hidden) timer = setTimeout(refresh, seconds * 1000);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && seconds) void refresh();
  });
  onReconnected(() => void refresh());
  void refresh();
  return refresh;
}
