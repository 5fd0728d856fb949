/** What every page of the panel starts and shares. */
import { byId } from "../core/dom.js";
import { startPage } from "../ui/page-frame.js";

/** @typedef {import("../core/api.js").ApiError} ApiError */

/** Bar, theme, keys; on phones the row of places is rolled to the present one. */
export function startPanel() {
  startPage();
  const here = document.querySelector(".places [aria-current]");
  const row = here?.closest("ul");
  if (here && row && row.scrollWidth > row.clientWidth) {
    row.scrollLeft = /** @type {HTMLElement} */ (here).offsetLeft - row.offsetLeft - 16;
  }
}

/** Tells in the page what went wrong; a silent appliance is told in the frame already. @param {unknown} error @param {() => void} [again] */
export function showProblem(error, again) {
  const { message, offline, requestId } = /** @type {ApiError} */ (error);
  if (offline) return;
  byId("problem-text").textContent = requestId ? `${message} (${requestId})` : message;
  byId("problem").hidden = false;
  const retry = byId("problem-retry");
  retry.hidden = !again;
  retry.onclick = again ?? null;
}

/** All is well again. */
export function hideProblem() {
  byId("problem").hidden = true;
}

/**
 * Loads now, every so often while the page is looked at, and when the appliance is back.
 * @param {() => Promise<void>} load
 * @param {number} seconds 0: only when asked.
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
  document.addEventListener("reconnected", () => void refresh());
  void refresh();
  return refresh;
}
