/** Loading again and again while a page is visible, more slowly while nothing changes. */

import { onReconnected } from "./page-events.js";

/**
 * Loads now, then after each pause while the page is visible, when it becomes visible, and after a lost connection.
 * @param {object} options
 * @param {(isNewest: () => boolean) => Promise<void>} options.load `isNewest`: no later load has begun meanwhile.
 * @param {(error: unknown) => void} options.onError
 * @param {() => number} options.pauseSeconds Asked after each load; 0: not again and again.
 * @returns {() => Promise<void>} Loads at once.
 */
export function startPolling({ load, onError, pauseSeconds }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let loads = 0;
  const refresh = async () => {
    clearTimeout(timer);
    loads += 1;
    const current = loads;
    const isNewest = () => current === loads;
    try {
      await load(isNewest);
    } catch (error) {
      if (isNewest()) onError(error);
    }
    const seconds = pauseSeconds();
    if (isNewest() && seconds && !document.hidden) timer = setTimeout(refresh, seconds * 1000);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (pauseSeconds()) void refresh();
  });
  onReconnected(() => void refresh());
  void refresh();
  return refresh;
}
