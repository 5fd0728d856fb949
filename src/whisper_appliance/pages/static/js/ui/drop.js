/** File input: drop anywhere on the page, paste, or a picker. Of a folder, the recordings at any depth are taken. */
import { byId, inputById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { toast } from "./toast.js";

/** In one sentence. */
const MOST_NAMES = 5;

/** @param {DataTransfer | null} transfer */
function hasFiles(transfer) {
  return [...(transfer?.types ?? [])].includes("Files");
}

/**
 * @param {string} name Of a file in a folder. @param {string} accepted The `accept` of a file input.
 * @returns {boolean} Whether it is a recording by its ending, and not hidden.
 */
export function isRecording(name, accepted) {
  const ending = name.slice(name.lastIndexOf(".")).toLowerCase();
  return !name.startsWith(".") && accepted.split(",").includes(ending);
}

/**
 * @typedef {Object} Dropped
 * @property {File[]} files What was dropped itself.
 * @property {File[] | null} inFolders What is in dropped folders; null: no folder was dropped.
 * @property {string[]} unreadable Names of folders, and of what is in them.
 */

/** @param {DataTransfer} transfer @returns {Promise<Dropped>} */
export async function filesOf(transfer) {
  // The browser empties the transfer after the event, so all of it is read before the first wait.
  const dropped = [...transfer.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const folders = dropped.flatMap(({ entry }) => (entry?.isDirectory ? [entry] : []));
  const files = dropped.flatMap(({ entry, file }) => (file && !entry?.isDirectory ? [file] : []));
  /** @type {string[]} */
  const unreadable = [];
  const inFolders = await filesInAll(folders, unreadable);
  return { files, inFolders: folders.length ? inFolders : null, unreadable };
}

/** @param {FileSystemEntry[]} entries @param {string[]} unreadable Gets the names of those that can't be read. @returns {Promise<File[]>} */
async function filesInAll(entries, unreadable) {
  const found = await Promise.all(
    entries.map((entry) =>
      filesIn(entry, unreadable).catch(() => {
        unreadable.push(entry.name);
        return [];
      }),
    ),
  );
  return found.flat();
}

/**
 * @param {FileSystemEntry} entry @param {string[]} unreadable See `filesInAll`.
 * @returns {Promise<File[]>} The file, or those of the folder in the order of their names.
 */
async function filesIn(entry, unreadable) {
  if (entry.isFile) {
    const { file } = /** @type {FileSystemFileEntry} */ (entry);
    return [await new Promise((resolve, reject) => file.call(entry, resolve, reject))];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {FileSystemEntry[]} */
  const entries = [];
  for (;;) {
    /** @type {FileSystemEntry[]} Browsers give about a hundred at a time. */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  return filesInAll(entries, unreadable);
}

/**
 * @param {File[]} files Of folders. @param {string[]} [unreadable] Names of what can't be read.
 * @returns {File[]} The recordings; a toast says what is left out.
 */
function recordingsOf(files, unreadable = []) {
  const found = files.filter(({ name }) => isRecording(name, inputById("picker").accept));
  const others = files.filter(({ name }) => !name.startsWith(".")).length - found.length;
  const sentences = [];
  const names = unreadable.slice(0, MOST_NAMES).join(", ") + (unreadable.length > MOST_NAMES ? ", …" : "");
  if (names) sentences.push(t("Can't be read: {names}.", { names }));
  else if (!found.length) sentences.push(t("There is no recording in this folder."));
  if (found.length && others)
    sentences.push(
      tn(
        "{count} file in the folder is no recording, and was left out.",
        "{count} files in the folder are no recordings, and were left out.",
        others,
      ),
    );
  if (sentences.length) toast(sentences.join(" "));
  return found;
}

/** @param {(files: File[]) => void} onFiles */
export function startDrop(onFiles) {
  const veil = byId("veil");
  let depth = 0; // dragenter and dragleave come for every element that the pointer crosses
  const setDepth = (/** @type {number} */ next) => {
    depth = Math.max(0, next);
    veil.hidden = depth === 0;
  };
  document.addEventListener("dragenter", (event) => hasFiles(event.dataTransfer) && setDepth(depth + 1));
  document.addEventListener("dragleave", (event) => hasFiles(event.dataTransfer) && setDepth(depth - 1));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer || !hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    setDepth(0);
    if (!event.dataTransfer || !hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    void filesOf(event.dataTransfer).then(({ files, inFolders, unreadable }) =>
      onFiles([...files, ...(inFolders ? recordingsOf(inFolders, unreadable) : [])]),
    );
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) onFiles(files);
  });
}

/** @param {(files: File[]) => void} onFiles @returns {() => void} Opens the picker. */
export function startPicker(onFiles) {
  const picker = inputById("picker");
  picker.addEventListener("change", () => {
    onFiles([...(picker.files ?? [])]);
    picker.value = ""; // so that the same file can be chosen again
  });
  const folder = inputById("folder-picker");
  folder.addEventListener("change", () => {
    onFiles(recordingsOf([...(folder.files ?? [])]));
    folder.value = "";
  });
  byId("choose-folder").addEventListener("click", () => folder.click());
  const open = () => picker.click();
  byId("choose").addEventListener("click", open);
  return open;
}
