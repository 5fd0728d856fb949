/** Everybody's live sessions and jobs: how far they are, why they failed, and an end to them. */
import { ask } from "../core/api.js";
import { announce, byId, element } from "../core/dom.js";
import { clock, counted, day, languageName, percent, span, timeOfDay } from "../core/format.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";

/**
 * @typedef {{kind: "user" | "visitor" | "nobody", name: string, id: string | null}} Owner
 * @typedef {{handle: string, owner: Owner, status: "queued" | "running" | "done" | "failed" | "cancelled", priority: string,
 *   progress: number, error: {code: string, message: string} | null, source: string, model: string, audio_bytes: number,
 *   duration: number | null, attempts: number, stopping: boolean, created: string, started: string | null, finished: string | null}} Job
 * @typedef {{handle: string, owner: Owner, created: string, model: string, language: string | null, state: "on" | "away" | "ending",
 *   audio_seconds: number, lag_seconds: number, shared: boolean}} Session
 * @typedef {{id: string, host: string, version: string, last_seen: string, silent: boolean, here: boolean, shared: boolean,
 *   running: number, waiting: number}} Worker
 */

const SECONDS = 3;
const PAGE = matchMedia("(max-width: 40rem)").matches ? 15 : 50; // on phones each job is a card
const MOST = 200;
const TONES = {
  queued: "caution",
  running: "good",
  done: "",
  failed: "bad",
  cancelled: "",
  on: "good",
  away: "caution",
  ending: "",
  alive: "good",
  silent: "bad",
};
const state = /** @type {HTMLSelectElement} */ (byId("state"));
const owner = /** @type {HTMLSelectElement} */ (byId("owner"));
let shown = PAGE;

/** @param {keyof typeof TONES} tone @param {string} words */
function tag(tone, words) {
  const made = element("span", words, "tag");
  made.dataset.tone = TONES[tone];
  return made;
}

/** @param {string} iso */
function moment(iso) {
  const made = element("time", `${day(iso)}, ${timeOfDay(iso)}`);
  made.dateTime = iso;
  return made;
}

/** @param {string} handle */
function short(handle) {
  const made = element("code", handle.slice(0, 8));
  made.title = handle;
  return made;
}

/** @param {string} label @param {string} whose @param {() => void} run */
function button(label, whose, run) {
  const box = element("div", undefined, "cell-actions");
  const made = element("button", label, "quiet");
  made.type = "button";
  made.append(element("span", ` ${whose}`, "hidden"));
  made.addEventListener("click", run);
  box.append(made);
  return box;
}

/** @param {Job} job */
function howFar(job) {
  if (job.stopping) return tag("running", "stopping");
  if (job.status === "running") return tag("running", `running, ${percent(job.progress)}`);
  if (job.status === "queued") return tag("queued", "waiting");
  return tag(job.status, job.status);
}

/** @param {Job} job */
function how(job) {
  if (job.error) return job.error.message;
  if (job.status === "queued") return `waiting for ${span((Date.now() - Date.parse(job.created)) / 1000)}`;
  if (job.started && job.finished)
    return `took ${span((Date.parse(job.finished) - Date.parse(job.started)) / 1000)}`;
  return job.attempts > 1 ? `started ${job.attempts} times` : "";
}

/** @type {Table<Job>} */
const jobs = new Table(/** @type {HTMLTableElement} */ (byId("jobs")), {
  key: (job) => job.handle,
  empty: "No recordings here.",
  words: (job) =>
    [job.handle, job.owner.name, job.status, job.source, job.model, job.error?.message, job.error?.code].join(
      " ",
    ),
  columns: [
    { title: "Job", show: (job) => short(job.handle) },
    { title: "Owner", show: (job) => job.owner.name, sort: (job) => job.owner.name },
    { title: "State", show: howFar, sort: (job) => job.status },
    {
      title: "Length",
      show: (job) => (job.duration === null ? "" : clock(job.duration)),
      sort: (job) => job.duration,
      number: true,
    },
    { title: "Model", show: (job) => job.model, sort: (job) => job.model },
    { title: "Source", show: (job) => job.source, sort: (job) => job.source },
    { title: "Sent", show: (job) => moment(job.created), sort: (job) => job.created },
    { title: "What happened", show: how },
    {
      title: "Actions",
      hideTitle: true,
      show: (job) =>
        ["queued", "running"].includes(job.status) && !job.stopping
          ? button("Cancel", `the job of ${job.owner.name}`, () => void cancel(job))
          : "",
    },
  ],
});

/** @type {Table<Session>} */
const live = new Table(/** @type {HTMLTableElement} */ (byId("live")), {
  key: (session) => session.handle,
  empty: "Nobody is speaking.",
  columns: [
    { title: "Session", show: (session) => short(session.handle) },
    { title: "Owner", show: (session) => session.owner.name, sort: (session) => session.owner.name },
    {
      title: "State",
      show: (session) =>
        tag(session.state, { on: "on", away: "speaker is away", ending: "ending" }[session.state]),
      sort: (session) => session.state,
    },
    {
      title: "Length",
      show: (session) => clock(session.audio_seconds),
      sort: (session) => session.audio_seconds,
      number: true,
    },
    {
      title: "Behind",
      show: (session) => (session.lag_seconds >= 0.1 ? `${session.lag_seconds.toFixed(1)} s` : "not"),
      sort: (session) => session.lag_seconds,
      number: true,
    },
    { title: "Model", show: (session) => session.model, sort: (session) => session.model },
    {
      title: "Language",
      show: (session) => (session.language ? languageName(session.language) : "found by the model"),
    },
    { title: "Readers", show: (session) => (session.shared ? "by a link" : "") },
    { title: "Begun", show: (session) => moment(session.created), sort: (session) => session.created },
    {
      title: "Actions",
      hideTitle: true,
      show: (session) =>
        session.state === "ending"
          ? ""
          : button("End", `the session of ${session.owner.name}`, () => void end(session)),
    },
  ],
});

/** @type {Table<Worker>} */
const workers = new Table(/** @type {HTMLTableElement} */ (byId("workers")), {
  key: (worker) => worker.id,
  empty: "",
  columns: [
    {
      title: "Machine",
      show: (worker) => (worker.here ? `${worker.host} (this one)` : worker.host),
      sort: (worker) => worker.host,
    },
    {
      title: "State",
      show: (worker) => (worker.silent ? tag("silent", "silent") : tag("alive", "alive")),
      sort: (worker) => String(worker.silent),
    },
    { title: "Last seen", show: (worker) => moment(worker.last_seen), sort: (worker) => worker.last_seen },
    {
      title: "Running",
      show: (worker) => String(worker.running),
      sort: (worker) => worker.running,
      number: true,
    },
    {
      title: "Waiting",
      show: (worker) => String(worker.waiting),
      sort: (worker) => worker.waiting,
      number: true,
    },
    {
      title: "Recordings",
      show: (worker) => (worker.here ? "here" : worker.shared ? "shared with this one" : "in its own folder"),
    },
    { title: "Version", show: (worker) => worker.version },
    {
      title: "Actions",
      hideTitle: true,
      show: (worker) =>
        worker.silent ? button("Take over its jobs", `from ${worker.host}`, () => void takeOver(worker)) : "",
    },
  ],
});

/** @param {() => Promise<unknown>} act @param {string} sentence */
async function done(act, sentence) {
  try {
    await act();
    toast(sentence);
    announce(sentence);
    await refresh();
  } catch (error) {
    showProblem(error);
  }
}

/** @param {Job} job */
async function cancel(job) {
  const text =
    job.status === "running"
      ? "It stops after the piece of audio it is at, and what was heard so far is lost."
      : "Its recording is deleted.";
  if (await confirmed({ title: `Cancel the job of ${job.owner.name}?`, text, action: "Cancel the job" })) {
    await done(() => ask(`/api/admin/jobs/${job.handle}`, { method: "DELETE" }), "The job is cancelled.");
  }
}

/** @param {Session} session */
async function end(session) {
  const text =
    "The microphone is switched off, and the speaker is told why. What was said so far is kept for them.";
  if (
    await confirmed({
      title: `End the live session of ${session.owner.name}?`,
      text,
      action: "End the session",
    })
  ) {
    await done(() => ask(`/api/admin/live/${session.handle}`, { method: "DELETE" }), "The session is ended.");
  }
}

/** @param {Worker} worker */
async function takeOver(worker) {
  const losing = !worker.shared && worker.running + worker.waiting > 0;
  const text = losing
    ? `The recordings of its ${counted(worker.running + worker.waiting, "job")} lie on that machine. Those that are not here as well end as failed, and who sent them has to upload them again. If the machine will come back, wait: it goes on by itself.`
    : "Its jobs go on from what it has heard. Should it come back, it does none of them a second time.";
  const question = {
    title: `Take over the jobs of ${worker.host}?`,
    text,
    action: losing ? "Let them fail" : "Take over",
    name: losing ? worker.host : "",
  };
  if (await confirmed(question)) {
    await done(
      () => ask(`/api/admin/workers/${worker.id}/take-over`, { method: "POST", body: { losing } }),
      `The jobs of ${worker.host} are taken over.`,
    );
  }
}

/** @param {{id: string, name: string}[]} users */
function showUsers(users) {
  if (owner.options.length === users.length + 1) return;
  const chosen = owner.value;
  owner.replaceChildren(new Option("Everybody", ""), ...users.map(({ id, name }) => new Option(name, id)));
  owner.value = chosen;
}

/** @param {Record<string, number>} counts */
function showCounts(counts) {
  const said = /** @type {[string, string][]} */ ([
    ["running", "running"],
    ["queued", "waiting"],
    ["failed", "failed"],
    ["cancelled", "cancelled"],
    ["done", "done"],
  ])
    .filter(([name]) => counts[name])
    .map(([name, word]) => element("span", `${(counts[name] ?? 0).toLocaleString("en")} ${word}`));
  byId("counts").replaceChildren(...said);
}

/** As many as are shown already, page by page, so that a list that was made longer stays so. */
async function pages() {
  /** @type {Job[]} */
  const rows = [];
  /** @type {any} */
  let page;
  do {
    const query = new URLSearchParams({
      state: state.value,
      limit: String(Math.min(MOST, shown - rows.length)),
    });
    if (owner.value) query.set("owner", owner.value);
    if (page?.next) query.set("before", page.next);
    page = await ask(`/api/admin/jobs?${query}`);
    rows.push(...page.jobs);
  } while (page.next && rows.length < shown);
  return { ...page, jobs: rows };
}

async function load() {
  const [page, speaking, crew] = await Promise.all([
    pages(),
    ask("/api/admin/live"),
    ask("/api/admin/workers"),
  ]);
  byId("workers-part").hidden =
    crew.workers.length < 2 && !crew.workers.some((/** @type {Worker} */ worker) => worker.silent);
  workers.show(crew.workers);
  showUsers(page.users);
  showCounts(page.counts);
  jobs.show(page.jobs);
  byId("more").hidden = !page.next;
  live.show(speaking.sessions);
  byId("live-count").textContent = speaking.sessions.length
    ? `${speaking.sessions.length} of at most ${speaking.limit}`
    : `at most ${counted(speaking.limit, "session")}`;
}

startPanel();
const wanted = new URLSearchParams(location.search).get("state");
if (wanted && [...state.options].some(({ value }) => value === wanted)) state.value = wanted;
jobs.filterBy(/** @type {HTMLInputElement} */ (byId("words")));
const refresh = keepFresh(load, SECONDS);
for (const choice of [state, owner]) {
  choice.addEventListener("change", () => {
    shown = PAGE;
    void refresh();
  });
}
byId("more").addEventListener("click", () => {
  shown += PAGE;
  void refresh();
});
