/**
 * Files that another app shared with the installed one: `share-worker.js` stores them, and one page takes each. It sends
 * them once the user agrees, also after a reload, and never for another user of this browser.
 */

import { fromRoot } from "../core/addresses.js";
import { acquire, settled } from "../core/browser-store.js";
import { announce, byId } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";
import { toast } from "../ui/toast.js";

const DATABASE = "shared-files";
const STORE = "files";
const AGREED_KEY = "shared-files";
/** Of the address to which the worker leads if it could not put the files down. */
const FAILED = "share-failed";

/**
 * @typedef {import("./job-list.js").KeptFile & {uploadKey: string}} KeptFile
 * @typedef {Record<string, string>} Options
 * @typedef {{user: string, options: Options}} Agreement
 */

/**
 * @param {{addKept: (kept: KeptFile[], options: Options) => void}} jobs
 * @param {() => Options} options
 * @param {string} user Id of the user; empty: nobody is signed in.
 */
export function startSharedFiles(jobs, options, user) {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!isInstalled || !navigator.serviceWorker) return;
  void navigator.serviceWorker.register(fromRoot("/share-worker.js")).catch(() => undefined);
  showFailure();
  void take(user).then((taken) => {
    const agreed = readAgreed();
    for (const kept of taken) {
      const agreement = agreed[kept.uploadKey];
      if (agreement) jobs.addKept([kept], agreement.options);
    }
    ask(
      taken.filter(({ uploadKey }) => !agreed[uploadKey]),
      (kept) => {
        const chosen = options();
        const agreement = { user, options: chosen };
        writeAgreed({
          ...readAgreed(),
          ...Object.fromEntries(kept.map((each) => [each.uploadKey, agreement])),
        });
        jobs.addKept(kept, chosen);
      },
    );
  });
}

/** @returns {Record<string, Agreement>} By the key of each file that a user wants to be transcribed. */
const readAgreed = () => readStored(AGREED_KEY, /** @type {Record<string, Agreement>} */ ({}));
/** @param {Record<string, Agreement>} agreed */
const writeAgreed = (agreed) => writeStored(AGREED_KEY, agreed);

/** @param {KeptFile[]} kept @param {(kept: KeptFile[]) => void} onAgreed */
function ask(kept, onAgreed) {
  if (!kept.length) return;
  const names = kept.map(({ file }) => file.name).join(", ");
  const question = tn(
    "{names} was shared with this app. Transcribe it?",
    "{names} were shared with this app. Transcribe them?",
    kept.length,
    { names },
  );
  byId("shared-question").textContent = question;
  byId("shared").hidden = false;
  announce(question);
  const answer = (/** @type {() => void} */ run) => () => {
    byId("shared").hidden = true;
    byId("choose").focus();
    run();
  };
  byId("shared-transcribe").addEventListener(
    "click",
    answer(() => onAgreed(kept)),
  );
  byId("shared-discard").addEventListener(
    "click",
    answer(() => {
      for (const { forget } of kept) forget();
    }),
  );
}

function showFailure() {
  const address = new URL(location.href);
  if (!address.searchParams.has(FAILED)) return;
  address.searchParams.delete(FAILED);
  history.replaceState(history.state, "", address);
  toast(t("What was shared could not be taken. Choose the file here."));
}

/** @param {string} user @returns {Promise<KeptFile[]>} The files that no other page has, without those of other users. */
async function take(user) {
  /** @type {KeptFile[]} */
  const taken = [];
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true });
    const database = await settled(opening);
    const store = (/** @type {IDBTransactionMode} */ mode) =>
      database.transaction(STORE, mode).objectStore(STORE);
    for (const key of await settled(store("readonly").getAllKeys())) {
      const release = await acquire(`${DATABASE} ${key}`);
      if (!release) continue;
      const { file, uploadKey } = await keyed(store, key);
      const owner = readAgreed()[uploadKey]?.user ?? user;
      const forget = () => {
        const { [uploadKey]: _, ...others } = readAgreed();
        writeAgreed(others);
        void settled(store("readwrite").delete(key))
          .catch(() => undefined)
          .finally(release);
      };
      if (file instanceof File && owner === user) taken.push({ file, uploadKey, forget });
      else release();
    }
  } catch {
    // storage is blocked
  }
  return taken;
}

/**
 * @param {(mode: IDBTransactionMode) => IDBObjectStore} store
 * @param {IDBValidKey} key
 * @returns {Promise<{file?: unknown, uploadKey: string}>} Without a file if another page has deleted it.
 */
async function keyed(store, key) {
  const found = await settled(store("readonly").get(key));
  if (!(found instanceof File)) return found ?? { uploadKey: "" };
  const withKey = { file: found, uploadKey: crypto.randomUUID() }; // an older worker stored the file alone
  await settled(store("readwrite").put(withKey, key));
  return withKey;
}
