/** Files that another app shared with the installed one: `share-worker.js` has put them down, the page takes them once. */

import { fromRoot } from "../core/addresses.js";

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {(files: File[]) => void} onFiles */
export function startSharedFiles(onFiles) {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!isInstalled || !navigator.serviceWorker) return;
  void navigator.serviceWorker.register(fromRoot("/share-worker.js")).catch(() => undefined);
  void take().then((files) => files.length && onFiles(files));
}

/** @returns {Promise<File[]>} */
async function take() {
  try {
    const opening = indexedDB.open("shared-files", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("files", { autoIncrement: true });
    const database = await settled(opening);
    const store = database.transaction("files", "readwrite").objectStore("files");
    const files = await settled(store.getAll());
    await settled(store.clear());
    database.close();
    return files.filter((each) => each instanceof File);
  } catch {
    return []; // storage is blocked
  }
}
