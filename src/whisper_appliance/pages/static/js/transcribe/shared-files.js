/**
 * Files that another app shared with the installed one: `share-worker.js` has put them down, one page takes each, and asks
 * before it sends them. What somebody has agreed to goes on after a reload of the page.
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
 * @typedef {import("./job-list.js").KeptFile} KeptFile
 * @typedef {Record<string, string>} Options
 */

/** @param {{addKept: (kept: KeptFile[], options: Options) => void}} jobs @param {() => Options} options */
export function startSharedFiles(jobs, options) {
  const isInstalled = matchMedia("(display-mode: standalone)").matches;
  if (!isInstalled || !navigator.serviceWorker) return;
  void navigator.serviceWorker.register(fromRoot("/share-worker.js")).catch(() => undefined);
  showFailure();
  void take().then((taken) => {
    const agreed = readAgreed();
    for (const kept of taken.filter(({ uploadKey = "" }) => agreed[uploadKey]))
      jobs.addKept([kept], agreed[kept.uploadKey ?? ""] ?? {});
    ask(
      taken.filter(({ uploadKey = "" }) => !agreed[uploadKey]),
      (kept) => {
        const chosen = options();
        writeAgreed({ ...readAgreed(), ...Object.fromEntries(kept.map((each) => [each.uploadKey, chosen])) });
        jobs.addKept(kept, chosen);
      },
    );
  });
}

/** @returns {Record<string, Options>} The options of each file, by its key, that somebody wants to be transcribed. */
const readAgreed = () => readStored(AGREED_KEY, /** @type {Record<string, Options>} */ ({}));
/** @param {Record<string, Options>} agreed */
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

/** @returns {Promise<KeptFile[]>} The files that no other page has. */
async function take() {
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
      const { file, uploadKey } = (await settled(store("readonly").get(key))) ?? {}; // another page may have deleted it
      const forget = () => {
        const { [uploadKey]: _, ...others } = readAgreed();
        writeAgreed(others);
        void settled(store("readwrite").delete(key))
          .catch(() => undefined)
          .finally(release);
      };
      if (file instanceof File) taken.push({ file, uploadKey, forget });
      else forget();
    }
  } catch {
    // storage is blocked
  }
  return taken;
}
