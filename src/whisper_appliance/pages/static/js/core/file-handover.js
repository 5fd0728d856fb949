/** Hands one file of this computer to the next page, which takes it once. Meanwhile the browser keeps it in IndexedDB. */

import { settled } from "./browser-store.js";

const DATABASE = "file-handover";
const STORE = "files";
const MAX_BYTES = 1024 ** 3;

/** @returns {Promise<IDBDatabase>} */
function open() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return settled(opening);
}

/**
 * Puts a file down for the page that knows its key; any earlier one is removed. Where the browser stores no files,
 * nothing is handed over.
 * @param {string} key @param {File} file
 */
export async function handOver(key, file) {
  if (file.size > MAX_BYTES) return;
  try {
    const database = await open();
    const store = database.transaction(STORE, "readwrite").objectStore(STORE);
    store.clear();
    await settled(store.put(file, key));
    database.close();
  } catch {
    // Storage is blocked or full.
  }
}

/** Takes the file of this key, and removes all. @param {string} key @returns {Promise<File | null>} */
export async function takeOver(key) {
  try {
    const database = await open();
    const store = database.transaction(STORE, "readwrite").objectStore(STORE);
    const file = await settled(store.get(key));
    await settled(store.clear());
    database.close();
    return file instanceof File ? file : null;
  } catch {
    return null;
  }
}
