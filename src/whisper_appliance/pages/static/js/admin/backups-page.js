/** Backups: what there is, one more, and the way back. */
import { ask, errorFrom, proof, tellConnection, unreachable } from "../core/api.js";
import { announce, byId, element, icon } from "../core/dom.js";
import { bytes } from "../core/format.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";

/**
 * @typedef {{name: string, made: string, size_bytes: number}} Copy
 * @typedef {{whole: boolean, staged: string, created: string, appliance: string}} Ready
 * @typedef {{daily: boolean, folder: string, copies: Copy[], ready: Ready | null, set_aside: string[],
 *   is_owner: boolean}} Backups
 */

const AGAIN_SECONDS = 60;
let isOwner = false;

const table = new Table(/** @type {HTMLTableElement} */ (byId("copies")), {
  columns: [
    { title: "Made", show: (copy) => moment(copy.made), sort: (copy) => copy.made },
    { title: "Size", show: (copy) => bytes(copy.size_bytes), sort: (copy) => copy.size_bytes, number: true },
    { title: "Name", show: (copy) => element("code", copy.name) },
    { title: "Actions", hideTitle: true, show: download },
  ],
  key: (/** @type {Copy} */ copy) => copy.name,
  empty: "There is no copy yet.",
});

/** @param {string} text */
function moment(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** @param {Copy} copy */
function download(copy) {
  if (!isOwner) return null;
  const link = element("a", undefined, "button quiet");
  link.href = `/api/admin/backups/${copy.name}`;
  link.download = copy.name;
  link.append(icon("download"), element("span", "Download"), element("span", ` ${copy.name}`, "hidden"));
  const box = element("div", undefined, "cell-actions");
  box.append(link);
  return box;
}

/** @param {Backups} seen */
function show(seen) {
  isOwner = seen.is_owner;
  for (const each of document.querySelectorAll(".owner-only"))
    /** @type {HTMLElement} */ (each).hidden = !isOwner;
  for (const each of document.querySelectorAll(".not-owner"))
    /** @type {HTMLElement} */ (each).hidden = isOwner;
  byId("copies-text").textContent = copiesText(seen);
  table.show(seen.copies);
  byId("ready").hidden = !seen.ready;
  byId("drop").hidden = !isOwner;
  if (seen.ready) byId("ready-text").textContent = readyText(seen.ready);
  byId("aside").hidden = seen.set_aside.length === 0;
  byId("aside-list").replaceChildren(...seen.set_aside.map((path) => element("li", path)));
}

/** @param {Backups} seen */
function copiesText(seen) {
  const when = seen.daily ? "One is made every day" : "Daily copies are off (BACKUP_DAILY)";
  return `${when}; seven are kept in ${seen.folder}. A copy on the same disk does not help when the disk dies: download a backup now and then.`;
}

/** @param {Ready} ready */
function readyText(ready) {
  const what = ready.whole
    ? `The backup of ${moment(ready.created)}, made by version ${ready.appliance},`
    : "A copy of the database";
  return `${what} will be put in place at the next start. What is there now will be set aside.`;
}

async function copyNow() {
  const button = /** @type {HTMLButtonElement} */ (byId("copy"));
  button.disabled = true;
  try {
    await ask("/api/admin/backups", { method: "POST" });
    toast("The database was copied");
    await refresh();
  } catch (error) {
    showProblem(error);
  } finally {
    button.disabled = false;
  }
}

/** @param {SubmitEvent} event */
async function layReady(event) {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("restore-file"));
  const file = input.files?.[0];
  const wrong = byId("restore-wrong");
  wrong.textContent = file ? "" : "Choose a file first.";
  if (!file) return;
  const question = {
    title: "Restore this backup?",
    text: `At the next start, ${file.name} takes the place of what is there now: transcripts, accounts, settings. What is there is set aside.`,
    action: "Restore at the next start",
    name: "restore",
  };
  if (!(await confirmed(question))) return;
  const progress = /** @type {HTMLProgressElement} */ (byId("restore-progress"));
  progress.hidden = false;
  try {
    await send(file, (share) => {
      progress.value = share;
      if (share === 1) announce("The backup was sent and is being checked.");
    });
    input.value = "";
    toast("The backup will be restored at the next start");
    await refresh();
  } catch (error) {
    wrong.textContent = /** @type {Error} */ (error).message;
  } finally {
    progress.hidden = true;
    progress.value = 0;
  }
}

/** @param {File} file @param {(share: number) => void} onProgress */
function send(file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no upload progress
    request.open("PUT", "/api/admin/restore");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/x-tar");
    for (const [name, value] of Object.entries(proof())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      tellConnection(true);
      if (request.status < 300) resolve(request.response);
      else reject(errorFrom(request.status, request.response, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(unreachable());
    request.send(file);
  });
}

async function drop() {
  try {
    await ask("/api/admin/restore", { method: "DELETE" });
    toast("Nothing will be restored");
    await refresh();
  } catch (error) {
    showProblem(error);
  }
}

startPanel();
const refresh = keepFresh(async () => show(await ask("/api/admin/backups")), AGAIN_SECONDS);
byId("copy").addEventListener("click", copyNow);
byId("drop").addEventListener("click", drop);
byId("restore-form").addEventListener("submit", layReady);
