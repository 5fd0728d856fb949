/** Import on the history page: files are chosen, or dropped anywhere, and become transcripts. */

import { messageOf, upload } from "../core/api.js";
import { buttonById, byId, element, inputById } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { toast } from "../ui/toast.js";

/** @param {() => void} onImported */
export function startImport(onImported) {
  const picker = inputById("import-picker");
  const button = buttonById("import");
  const take = async (/** @type {File[]} */ files) => {
    if (!files.length || button.disabled) return;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      if (await importFiles(files)) onImported();
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  };
  button.addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    const files = [...(picker.files ?? [])];
    picker.value = ""; // so that the same file can be chosen again
    void take(files);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    void take([...event.dataTransfer.files]);
  });
}

/** Sends one file after the other, and says what became of them. @param {File[]} files */
async function importFiles(files) {
  let imported = 0;
  /** @type {[string, string][]} */
  const failed = [];
  for (const file of files) {
    const form = new FormData();
    form.append("file", file);
    try {
      const answer = await upload("POST /api/transcripts/import", form, { onProgress: () => {} });
      imported += answer.imported.length;
      for (const { name, message } of answer.failed) failed.push([name, message]);
    } catch (error) {
      failed.push([file.name, messageOf(error)]);
    }
  }
  const lines = failed.map(([name, message]) => element("li", t("{name}: {message}", { name, message })));
  byId("import-problems").replaceChildren(...lines);
  byId("import-problem").hidden = !failed.length;
  if (imported) toast(tn("{count} transcript imported.", "{count} transcripts imported.", imported));
  return imported;
}
