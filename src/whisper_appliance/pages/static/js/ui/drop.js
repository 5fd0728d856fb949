/** File input: drop anywhere on the page, paste, or the file picker. */
import { byId, inputById } from "../core/dom.js";

/** @param {DataTransfer | null} transfer */
function hasFiles(transfer) {
  return [...(transfer?.types ?? [])].includes("Files");
}

/**
 * Leaves out folders, which browsers pass as files that cannot be read.
 * @param {DataTransfer} transfer
 * @returns {File[]}
 */
function filesOf(transfer) {
  const items = [...transfer.items].filter(
    (item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory,
  );
  return items.map((item) => item.getAsFile()).filter((file) => file !== null);
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
    onFiles(filesOf(event.dataTransfer));
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
  const open = () => picker.click();
  byId("choose").addEventListener("click", open);
  return open;
}
