/** The transcribe page: files in, text out, and the latest transcripts. */
import { request } from "../core/api.js";
import { byId } from "../core/dom.js";
import { onReconnected } from "../core/page-events.js";
import { startLiveLauncher } from "../live/live-launcher.js";
import { startDrop, startPicker } from "../ui/drop.js";
import { startPage } from "../ui/page-frame.js";
import { plainRow } from "../ui/transcript-row.js";
import { JobList } from "./job-list.js";
import { OptionsForm } from "./options-form.js";
import { startPresets } from "./presets.js";
import { Recorder } from "./recorder.js";
import { startRemoteDialog } from "./remote-dialog.js";
import { startSharedFiles } from "./shared-files.js";

const LATEST = 5;
const REFRESH_MILLISECONDS = 100;

/** @param {HTMLElement} root */
export function mount(root) {
  const { shortcuts } = startPage(root);
  const options = new OptionsForm();
  const jobs = new JobList({
    maxBytes: Number(root.dataset.maxUploadBytes) || 0,
    options: () => options.chosen(),
    onDone: () => latest.refreshSoon(),
  });
  const latest = new LatestTranscripts(() => [...jobs.cards].map((card) => card.transcriptId));
  const onFiles = (/** @type {File[]} */ files) => jobs.addFiles(files);
  options.start();
  startPresets(options);
  startDrop(onFiles);
  const openPicker = startPicker(onFiles);
  const user = root.dataset.user ?? "";
  startSharedFiles(jobs, () => options.chosen(), user);
  startRemoteDialog((addresses) => jobs.addAddresses(addresses));
  const recorder = new Recorder((recording) => jobs.addKept([recording]), user);
  const live = startLiveLauncher(() => options.chosen());
  shortcuts.add({ o: openPicker, ",": () => options.toggle(), ...live });
  resumeJobs(jobs, latest);
  window.addEventListener("beforeunload", (event) => {
    const isUploading = [...jobs.cards].some((card) => ["waiting", "uploading"].includes(card.state));
    if (isUploading || recorder.isRecording) event.preventDefault();
  });
}

/** Shows the jobs of an earlier visit and the latest transcripts. @param {JobList} jobs @param {LatestTranscripts} latest */
async function resumeJobs(jobs, latest) {
  try {
    jobs.resume((await request("GET /api/jobs")).jobs);
    await latest.load();
  } catch {
    onReconnected(() => void resumeJobs(jobs, latest), { once: true });
  }
}

class LatestTranscripts {
  #requests = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => string[]} shownIds Transcripts that the page shows as finished jobs. */
  constructor(shownIds) {
    this.shownIds = shownIds;
  }

  /** Several jobs may end at once; one request is enough for them. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load().catch(() => {}), REFRESH_MILLISECONDS);
  }

  /** Requests may overlap: only the response to the last one is shown. */
  async load() {
    this.#requests += 1;
    const current = this.#requests;
    const limit = LATEST + this.shownIds().length;
    const query = new URLSearchParams({ limit: String(limit) });
    const { transcripts } = await request("GET /api/transcripts", { query });
    if (current !== this.#requests) return;
    const shown = new Set(this.shownIds().filter(Boolean));
    const rows = transcripts.filter(({ id }) => !shown.has(id)).slice(0, LATEST);
    byId("latest-rows").replaceChildren(...rows.map(plainRow));
    byId("latest-rows").setAttribute("aria-busy", "false");
    byId("latest-rows").hidden = !rows.length;
    byId("latest-empty").hidden = rows.length > 0;
    byId("latest").hidden = !rows.length && shown.size > 0;
    byId("all-link").hidden = !rows.length;
  }
}
