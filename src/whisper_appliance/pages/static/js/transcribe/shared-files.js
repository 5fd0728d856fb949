/** Files that another app shared with the installed one: `share-worker.js` has put them down, one page takes each. */

import { fromRoot } from "../core/addresses.js";
import { acquire, settled } from "../core/browser-store.js";
import { t } from "../core/i18n.js";
import { toast } from "../ui/toast.js";

const DATABASE = "shared-files";
const STORE = "files";
/** Of the address to which the worker leads if it could not put the files down. */
const FAILED = "share-failed";

/** @param {(files: File[], release: (file: File) => void) => void} onFiles `release` deletes a file here. */
export function startSharedFiles(onFiles) {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!isInstalled || !navigator.serviceWorker) return;
  void navigator.serviceWorker.register(fromRoot("/share-worker.js")).catch(() => undefined);
  showFailure();
  void take().then((taken) => {
    if (taken.size) onFiles([...taken.keys()], (file) => taken.get(file)?.());
  });
}

function showFailure() {
  const address = new URL(location.href);
  if (!address.searchParams.has(FAILED)) return;
  address.searchParams.delete(FAILED);
  history.replaceState(history.state, "", address);
  toast(t("What was shared could not be taken. Choose the file here."));
}

/** @returns {Promise<Map<File, () => void>>} The files that no other page has, and what deletes each. */
async function take() {
  /** @type {Map<File, () => void>} */
  const taken = new Map();
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true });
    const database = await settled(opening);
    const store = (/** @type {IDBTransactionMode} */ mode) =>
      database.transaction(STORE, mode).objectStore(STORE);
    for (const key of await settled(store("readonly").getAllKeys())) {
      const release = await acquire(`${DATABASE} ${key}`);
      if (!release) continue;
      const file = await settled(store("readonly").get(key)); // once it is locked: another page may have deleted it
      const forget = () =>
        void settled(store("readwrite").delete(key))
          .catch(() => undefined)
          .finally(release);
      if (file instanceof File) taken.set(file, forget);
      else forget();
    }
  } catch {
    // storage is blocked
  }
  return taken;
}
