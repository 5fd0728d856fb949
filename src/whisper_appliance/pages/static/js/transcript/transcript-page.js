/** One transcript, to be read. */
import { api, ApiError } from "../core/api.js";
import { byId, copyText, element, fillDownloads, showFacts, slot } from "../core/dom.js";
import { Find } from "./find-in-page.js";
import { clock, counted, day, languageName, speed, timeOfDay } from "../core/format.js";
import { showLines } from "./transcript-lines.js";
import { startPage } from "../ui/page-frame.js";
import { startRename } from "../ui/title-editor.js";
import { ShareDialog } from "./share-dialog.js";
import { addShortcuts } from "../ui/shortcuts.js";
import { toast } from "../ui/toast.js";

const id = document.body.dataset.transcriptId ?? "";
/** @type {import("../core/api.js").Transcript | undefined} */
let transcript;

/** @param {string} title */
function name(title) {
  byId("title").textContent = title;
  document.title = `${title} · Whisper Appliance`;
  fillDownloads(slot(byId("tools"), "downloads"), `/api/transcripts/${id}`, title);
}

/** @param {import("../core/api.js").Transcript} it */
function show(it) {
  transcript = it;
  name(it.title);
  const own = it.access === "own";
  for (const control of ["rename", "share", "delete"]) byId(control).hidden = !own;
  showFacts(byId("facts"), [
    `${day(it.created)}, ${timeOfDay(it.created)}`,
    clock(it.duration),
    it.task === "translate" ? `${languageName(it.language)} into English` : languageName(it.language),
    it.model,
    speed(it.duration, it.processing_seconds),
    own ? null : "shared with you",
  ]);
  const unsure = showLines(byId("words"), it.segments);
  byId("unsure").hidden = !unsure;
  byId("unsure").textContent = `${counted(unsure, "word")} with dots below: the model was unsure.`;
  find.again();
  if (!it.segments.length)
    byId("words").append(element("p", "No speech was found in this recording.", "empty"));
  showWarnings(it);
  showLeftOut(it);
  showAbout(it);
  byId("transcript").setAttribute("aria-busy", "false");
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** @param {import("../core/api.js").Transcript} it */
function showWarnings({ warnings }) {
  byId("warnings").replaceChildren(...warnings.map((warning) => element("li", warning.message)));
  byId("warnings").hidden = !warnings.length;
}

/** @param {import("../core/api.js").Transcript} it */
function showLeftOut({ dropped }) {
  byId("left-out").hidden = !dropped.length;
  byId("left-out-line").textContent = `${counted(dropped.length, "phrase")} left out as probably invented`;
  const items = dropped.map((each) => {
    const item = element("li");
    item.append(
      element("span", clock(each.start)),
      element("q", each.text.trim()),
      element("small", each.reason),
    );
    return item;
  });
  byId("left-out-list").replaceChildren(...items);
}

/** @param {import("../core/api.js").Transcript} it */
function showAbout({ provenance, language, language_probability: sure, processing_seconds: took }) {
  if (!provenance) return;
  /** @type {[string, unknown][]} */
  const facts = [
    ["Engine", `${provenance.engine} ${provenance.engine_version}, ${provenance.compute_type}`],
    ["Model", `${provenance.model}, sha256 ${provenance.model_sha256}`],
    ["Asked for", asked(/** @type {Record<string, unknown>} */ (provenance.options ?? {}))],
    ["Language", `${languageName(language)}, ${Math.round(sure * 100)} % sure`],
    ["Took", `${took.toFixed(1)} s`],
    ["Recording", `sha256 ${provenance.audio_sha256}`],
    ["Appliance", provenance.appliance_version],
  ];
  const rows = facts
    .filter(([, value]) => value)
    .map(([label, value]) => {
      const row = element("div");
      row.append(element("dt", label), element("dd", String(value)));
      return row;
    });
  byId("about-list").replaceChildren(...rows);
  byId("about").hidden = false;
}

/** @param {Record<string, unknown>} options */
function asked({
  task,
  quality,
  word_timestamps: words,
  vad,
  language,
  prompt,
  hotwords,
  temperature,
  beam_size: beam,
}) {
  return [
    `${quality} quality`,
    task === "translate" && "in English",
    words ? "with word times" : "without word times",
    !vad && "with what is not speech",
    Boolean(language) && `${languageName(String(language))} given`,
    Boolean(prompt) && `prompt “${prompt}”`,
    Boolean(hotwords) && `hot words “${hotwords}”`,
    temperature !== null && temperature !== undefined && `temperature ${temperature}`,
    Boolean(beam) && `${beam} alternatives`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** @param {string} title @param {string} text @param {"undo" | "again" | null} offer The page has no transcript to show. */
function showGone(title, text, offer) {
  byId("transcript").hidden = true;
  byId("about").hidden = true;
  byId("gone").hidden = false;
  byId("gone-title").textContent = title;
  byId("gone-text").textContent = text;
  byId("undo").hidden = offer !== "undo";
  byId("again").hidden = offer !== "again";
  byId("gone-title").focus();
}

async function load() {
  byId("gone").hidden = true;
  byId("transcript").hidden = false;
  try {
    show(await api.transcript(id));
  } catch (error) {
    const { status, message } = /** @type {ApiError} */ (error);
    if (status === 404)
      showGone("No such transcript", "It was deleted, or it belongs to somebody else.", null);
    else showGone("Can't show this transcript", message, "again");
  }
}

async function remove() {
  try {
    await api.remove(id);
    showGone("Deleted", `“${transcript?.title ?? "The transcript"}” is in the trash.`, "undo");
  } catch (error) {
    toast(`Not deleted: ${/** @type {Error} */ (error).message}`);
  }
}

async function undo() {
  try {
    await api.restore(id);
    await load();
    byId("delete").focus();
  } catch (error) {
    toast(`Not restored: ${/** @type {Error} */ (error).message}`);
  }
}

function rename() {
  const title = byId("title");
  if (transcript?.access !== "own") return;
  byId("rename").hidden = true;
  startRename(title, {
    id,
    title: transcript.title,
    onRenamed: (wanted) =>
      name(/** @type {import("../core/api.js").Transcript} */ ((transcript).title = wanted)),
    onEnd: () => {
      byId("rename").hidden = false;
      byId("rename").focus();
    },
  });
}

async function copy() {
  await copyText(transcript?.text ?? "").then(
    () => toast("Text copied."),
    () => toast("Can't copy here. Select the text and copy it by hand."),
  );
}

function share() {
  if (transcript?.access === "own") void sharing.open();
}

function openDownloads() {
  const menu = /** @type {HTMLDetailsElement} */ (slot(byId("tools"), "downloads"));
  menu.open = true;
  menu.querySelector("a")?.focus();
}

startPage();
const find = new Find(byId("words"));
const sharing = new ShareDialog(id);
byId("copy").addEventListener("click", copy);
byId("share").addEventListener("click", share);
byId("delete").addEventListener("click", remove);
byId("undo").addEventListener("click", undo);
byId("again").addEventListener("click", load);
byId("rename").addEventListener("click", rename);
document.addEventListener("reconnected", () => !transcript && void load());
addShortcuts({ "/": () => byId("find").focus(), c: copy, d: openDownloads, e: rename, s: share });
void load();
