/** Every way in which a person hands over files: drop anywhere, choose, paste. */
import { byId } from "../core/dom.js";

/** @param {DataTransfer | null} transfer */
function carriesFiles(transfer) {
  return [...(transfer?.types ?? [])].includes("Files");
}

/**
 * Leaves out folders, which browsers hand over as files that cannot be read.
 * @param {DataTransfer} transfer
 * @returns {File[]}
 */
function filesOf(transfer) {
  const items = [...transfer.items].filter(
    (item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory,
  );
  return items.map((item) => item.getAsFile()).filter((file) => file !== null);
}

/** @param {(files: File[]) => void} take */
export function startDrop(take) {
  const veil = byId("veil");
  let depth = 0; // dragenter and dragleave come for every element on the way
  const veiled = (/** @type {number} */ next) => {
    depth = Math.max(0, next);
    veil.hidden = depth === 0;
  };
  document.addEventListener("dragenter", (event) => carriesFiles(event.dataTransfer) && veiled(depth + 1));
  document.addEventListener("dragleave", (event) => carriesFiles(event.dataTransfer) && veiled(depth - 1));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer || !carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    veiled(0);
    if (!event.dataTransfer || !carriesFiles(event.dataTransfer)) return;
    event.preventDefault();
    take(filesOf(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
  });
}

/** @param {(files: File[]) => void} take @returns {() => void} Opens the picker. */
export function startPicker(take) {
  const picker = /** @type {HTMLInputElement} */ (byId("picker"));
  picker.addEventListener("change", () => {
    take([...(picker.files ?? [])]);
    picker.value = ""; // the same file may be chosen again
  });
  const open = () => picker.click();
  byId("choose").addEventListener("click", open);
  return open;
}
