/** What the stores of this browser share: requests of IndexedDB as promises, and locks that other tabs respect. */

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Acquires a lock until it is released or the page is left.
 * @param {string} name
 * @returns {Promise<(() => void) | null>} Releases it; null: somebody has it, or this browser has no locks.
 */
export function acquire(name) {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(null);
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(null);
      return new Promise((release) => resolve(() => release(undefined)));
    });
    held.catch(() => resolve(null));
  });
}
