/** The transcribe page: files in, words out. */
import { api } from "../core/api.js";
import { byId } from "../core/dom.js";
import { startDrop, startPicker } from "../ui/drop.js";
import { chosenOptions, startOptions, toggleOptions } from "./options-form.js";
import { startPage } from "../ui/page-frame.js";
import { makeRow } from "../ui/transcript-row.js";
import { addShortcuts } from "../ui/shortcuts.js";
import { startSpeak } from "../live/live-launcher.js";
import { Work } from "./job-list.js";

const LATEST = 5;
const SOON_MILLISECONDS = 100;
let asked = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let soon;
const maxBytes = Number(document.body.dataset.maxUploadBytes) || 0;

/** Recordings end side by side, so questions may overlap: only the last answer is shown. */
async function showLatest() {
  asked += 1;
  const mine = asked;
  const { transcripts } = await api.transcripts({ limit: LATEST + work.cards.size });
  if (mine !== asked) return;
  const shown = new Set([...work.cards].map((card) => card.transcriptId).filter(Boolean));
  const rows = transcripts.filter((each) => !shown.has(each.id)).slice(0, LATEST);
  byId("latest-rows").replaceChildren(...rows.map((each) => makeRow(each, { plain: true })));
  byId("latest-rows").setAttribute("aria-busy", "false");
  byId("latest-rows").hidden = !rows.length;
  byId("latest-empty").hidden = rows.length > 0;
  byId("latest").hidden = !rows.length && shown.size > 0;
  byId("all-link").hidden = !rows.length;
}

/** Many cards may change at once; one question is enough. */
function showLatestSoon() {
  clearTimeout(soon);
  soon = setTimeout(() => void showLatest().catch(() => {}), SOON_MILLISECONDS);
}

/** Both answers are awaited before either is shown, so that the page moves once. */
async function begin() {
  const jobs = await api.jobs();
  work.resume(jobs);
  await showLatest();
}

const work = new Work({ maxBytes, options: chosenOptions, onDone: showLatestSoon });
const take = (/** @type {File[]} */ files) => work.take(files);
startPage();
startOptions();
startDrop(take);
const openPicker = startPicker(take);
const { speak, pause } = startSpeak();
addShortcuts({ o: openPicker, ",": toggleOptions, r: speak, p: pause });

function beginOrWait() {
  begin().catch(() => document.addEventListener("reconnected", beginOrWait, { once: true }));
}
beginOrWait();
window.addEventListener("beforeunload", (event) => {
  if ([...work.cards].some((card) => ["waiting", "uploading"].includes(card.state))) event.preventDefault();
});
