/** Values kept in the browser, by default in its localStorage. Where that is blocked or full, nothing is kept and nothing breaks. */

/** @typedef {"localStorage" | "sessionStorage"} Place The second one is of the tab alone. */

/**
 * @template T
 * @param {string} key
 * @param {T} fallback
 * @param {Place} [place]
 * @returns {T}
 */
export function readStored(key, fallback, place = "localStorage") {
  try {
    const stored = window[place].getItem(key);
    return stored === null ? fallback : JSON.parse(stored);
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {unknown} value @param {Place} [place] */
export function writeStored(key, value, place = "localStorage") {
  try {
    window[place].setItem(key, JSON.stringify(value));
  } catch {
    // Storage is blocked or full. The page works without it.
  }
}

/** @param {Place} place */
export function forget(place) {
  try {
    window[place].clear();
  } catch {
    // Storage is blocked, so nothing was kept.
  }
}
