/** All live sessions, jobs and workers: their state, their errors, and how to end them. */

import { request } from "../core/api.js";
import { announce, byId, element, inputById, selectById, tableById } from "../core/dom.js";
import { clock, duration, languageName, percent } from "../core/format.js";
import { locale, t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { idCell, quietAction, tagCell, timeCell } from "./cells.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";

const REFRESH_SECONDS = 3;
const IDLE_SECONDS = 10; // nothing runs or waits, and nobody speaks
const PAGE_SIZE = 50;
const PHONE_PAGE_SIZE = 15; // on phones each job is a card
const MAX_PAGE_SIZE = 200;

/**
 * @typedef {import("../core/api.js").Responses} Responses
 * @typedef {Responses["GET /api/admin/jobs"]} JobPage
 * @typedef {JobPage["jobs"][number]} Job
 * @typedef {NonNullable<JobPage["live"]>["sessions"][number]} Session
 * @typedef {NonNullable<JobPage["workers"]>[number]} Worker
 * @typedef {import("./cells.js").Tone} Tone
 */

/** @type {Record<Job["status"], Tone>} */
const JOB_TONES = { queued: "caution", running: "good", done: "", failed: "bad", cancelled: "" };
/** @type {Record<Session["state"], [string, Tone]>} */
const SESSION_STATES = {
  on: [t("on"), "good"],
  away: [t("speaker is away"), "caution"],
  ending: [t("ending"), ""],
};
/** @type {[Job["status"], string][]} */
const COUNTED_STATES = [
  ["running", t("running")],
  ["queued", t("waiting")],
  ["failed", t("failed")],
  ["cancelled", t("cancelled")],
  ["done", t("done")],
];
/** @type {Partial<Record<Job["status"], string>>} */
const STATE_WORDS = Object.fromEntries(COUNTED_STATES);

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new JobsPage();
}

class JobsPage {
  #state = selectById("state");
  #owner = selectById("owner");
  #pageSize = matchMedia("(max-width: 40rem)").matches ? PHONE_PAGE_SIZE : PAGE_SIZE;
  #shown = this.#pageSize;
  #isIdle = false;
  #jobs = this.#jobTable();
  #sessions = this.#sessionTable();
  #workers = this.#workerTable();

  constructor() {
    const wanted = new URLSearchParams(location.search).get("state");
    if (wanted && [...this.#state.options].some(({ value }) => value === wanted)) this.#state.value = wanted;
    this.#jobs.filterBy(inputById("words"));
    this.refresh = keepFresh(
      () => this.#load(),
      () => (this.#isIdle ? IDLE_SECONDS : REFRESH_SECONDS),
    );
    for (const select of [this.#state, this.#owner]) {
      select.addEventListener("change", () => {
        this.#shown = this.#pageSize;
        void this.refresh();
      });
    }
    byId("more").addEventListener("click", () => {
      this.#shown += this.#pageSize;
      void this.refresh();
    });
  }

  /** @returns {Table<Job>} */
  #jobTable() {
    const canCancel = (/** @type {Job} */ job) => ["queued", "running"].includes(job.status) && !job.stopping;
    return new Table(tableById("jobs"), {
      key: ({ handle }) => handle,
      empty: t("No recordings here."),
      words: ({ handle, owner, status, source, model, error }) =>
        [handle, owner.name, status, source, model, error?.message, error?.code].join(" "),
      columns: [
        { title: t("Job"), show: ({ handle }) => idCell(handle), kind: "minor" },
        { title: t("Owner"), show: ({ owner }) => owner.name, sort: ({ owner }) => owner.name, kind: "name" },
        { title: t("State"), show: jobStateCell, sort: ({ status }) => status },
        {
          title: t("Length"),
          show: (job) => (job.duration === null ? "" : clock(job.duration)),
          sort: (job) => job.duration,
          number: true,
        },
        { title: t("Model"), show: ({ model }) => model, sort: ({ model }) => model },
        { title: t("Source"), show: ({ source }) => source, sort: ({ source }) => source, kind: "minor" },
        { title: t("Sent"), show: ({ created }) => timeCell(created), sort: ({ created }) => created },
        { title: t("What happened"), show: describeOutcome, kind: "sentence" },
        {
          title: t("Actions"),
          hideTitle: true,
          show: (job) => {
            const whose = t("the job of {name}", { name: job.owner.name });
            const actions = element("div", undefined, "cell-actions");
            if (job.status === "queued" && !job.first)
              actions.append(...quietAction(t("First"), whose, () => void this.#putFirst(job)).children);
            if (canCancel(job))
              actions.append(...quietAction(t("Cancel"), whose, () => void this.#cancel(job)).children);
            return actions;
          },
        },
      ],
    });
  }

  /** @returns {Table<Session>} */
  #sessionTable() {
    return new Table(tableById("live"), {
      key: ({ handle }) => handle,
      empty: t("Nobody is speaking."),
      columns: [
        { title: t("Session"), show: ({ handle }) => idCell(handle), kind: "minor" },
        { title: t("Owner"), show: ({ owner }) => owner.name, sort: ({ owner }) => owner.name, kind: "name" },
        {
          title: t("State"),
          show: ({ state }) => tagCell(...SESSION_STATES[state]),
          sort: ({ state }) => state,
        },
        {
          title: t("Length"),
          show: (session) => clock(session.audio_seconds),
          sort: (session) => session.audio_seconds,
          number: true,
        },
        {
          title: t("Behind"),
          show: (session) => (session.lag_seconds >= 0.1 ? duration(session.lag_seconds) : t("not")),
          sort: (session) => session.lag_seconds,
          number: true,
        },
        { title: t("Model"), show: ({ model }) => model, sort: ({ model }) => model },
        {
          title: t("Language"),
          show: ({ language }) => (language ? languageName(language) : t("found by the model")),
        },
        { title: t("Readers"), show: ({ shared }) => (shared ? t("by a link") : ""), kind: "minor" },
        { title: t("Begun"), show: ({ created }) => timeCell(created), sort: ({ created }) => created },
        {
          title: t("Actions"),
          hideTitle: true,
          show: (session) =>
            session.state === "ending"
              ? ""
              : quietAction(
                  t("End"),
                  t("the session of {name}", { name: session.owner.name }),
                  () => void this.#end(session),
                ),
        },
      ],
    });
  }

  /** @returns {Table<Worker>} */
  #workerTable() {
    return new Table(tableById("workers"), {
      key: ({ id }) => id,
      empty: "",
      columns: [
        {
          title: t("Machine"),
          show: ({ host, here }) => (here ? t("{host} (this one)", { host }) : host),
          sort: ({ host }) => host,
        },
        {
          title: t("State"),
          show: ({ silent }) => (silent ? tagCell(t("silent"), "bad") : tagCell(t("alive"), "good")),
          sort: ({ silent }) => String(silent),
        },
        {
          title: t("Last seen"),
          show: (worker) => timeCell(worker.last_seen),
          sort: (worker) => worker.last_seen,
        },
        {
          title: t("Running"),
          show: ({ running }) => String(running),
          sort: ({ running }) => running,
          number: true,
        },
        {
          title: t("Waiting"),
          show: ({ waiting }) => String(waiting),
          sort: ({ waiting }) => waiting,
          number: true,
        },
        { title: t("Recordings"), show: describeStorage },
        { title: t("Version"), show: ({ version }) => version },
        {
          title: t("Actions"),
          hideTitle: true,
          show: (worker) =>
            worker.silent
              ? quietAction(
                  t("Take over its jobs"),
                  t("from {host}", { host: worker.host }),
                  () => void this.#takeOver(worker),
                )
              : "",
        },
      ],
    });
  }

  async #load() {
    const { page, live, workers } = await this.#loadAll();
    this.#isIdle = !page.counts.running && !page.counts.queued && !live.sessions.length;
    byId("workers-part").hidden = workers.length < 2 && !workers.some(({ silent }) => silent);
    this.#workers.show(workers);
    this.#showUsers(page.users);
    showCounts(page.counts);
    this.#jobs.show(page.jobs);
    byId("more").hidden = !page.next;
    this.#sessions.show(live.sessions);
    const open = live.sessions.length;
    byId("live-count").textContent = open
      ? t("{open} of at most {limit}", { open, limit: live.limit })
      : t("at most {limit}", { limit: tn("{count} session", "{count} sessions", live.limit) });
  }

  /** Loads as many jobs as are shown already, so that a longer list stays long; usually by one request. */
  async #loadAll() {
    /** @type {Job[]} */
    const jobs = [];
    /** @type {NonNullable<JobPage["live"]>} */
    let live = { sessions: [], limit: 0 };
    /** @type {Worker[]} */
    let workers = [];
    /** @type {JobPage} */
    let page;
    let before = "";
    do {
      const limit = Math.min(MAX_PAGE_SIZE, this.#shown - jobs.length);
      const query = new URLSearchParams({ state: this.#state.value, limit: String(limit) });
      if (this.#owner.value) query.set("owner", this.#owner.value);
      if (before) query.set("before", before);
      else query.set("with_activity", "true");
      page = await request("GET /api/admin/jobs", { query });
      if (page.live) live = page.live;
      if (page.workers) workers = page.workers;
      jobs.push(...page.jobs);
      before = page.next === null ? "" : String(page.next);
    } while (before && jobs.length < this.#shown);
    return { page: { ...page, jobs }, live, workers };
  }

  /** @param {JobPage["users"]} users */
  #showUsers(users) {
    if (this.#owner.options.length === users.length + 1) return;
    const chosen = this.#owner.value;
    const options = users.map(({ id, name }) => new Option(name, id));
    this.#owner.replaceChildren(new Option(t("Everybody"), ""), ...options);
    this.#owner.value = chosen;
  }

  /** @param {() => Promise<unknown>} act @param {string} done */
  async #try(act, done) {
    try {
      await act();
      toast(done);
      announce(done);
      await this.refresh();
    } catch (error) {
      showProblem(error);
    }
  }

  /** @param {Job} job */
  async #cancel({ handle, owner, status }) {
    const text =
      status === "running"
        ? t("It stops after the piece of audio it is at, and what was transcribed so far is lost.")
        : t("Its recording is deleted.");
    const title = t("Cancel the job of {name}?", { name: owner.name });
    if (!(await confirmed({ title, text, action: t("Cancel the job") }))) return;
    const path = { handle };
    await this.#try(() => request("DELETE /api/admin/jobs/{handle}", { path }), t("The job is cancelled."));
  }

  /** @param {Job} job */
  async #putFirst({ handle }) {
    const path = { handle };
    await this.#try(
      () => request("POST /api/admin/jobs/{handle}/first", { path }),
      t("The job starts before all others."),
    );
  }

  /** @param {Session} session */
  async #end({ handle, owner }) {
    const text = t(
      "The microphone is switched off, and the speaker sees why. What was said so far is kept for them.",
    );
    const title = t("End the live session of {name}?", { name: owner.name });
    if (!(await confirmed({ title, text, action: t("End the session") }))) return;
    const path = { handle };
    await this.#try(() => request("DELETE /api/admin/live/{handle}", { path }), t("The session is ended."));
  }

  /** @param {Worker} worker */
  async #takeOver({ id, host, shared, running, waiting }) {
    const losing = !shared && running + waiting > 0;
    const text = losing
      ? t(
          "The recordings of its {waiting} are on that machine. Those that are not here as well end as failed, and have to be uploaded again. If the machine will come back, wait: it goes on by itself.",
          { waiting: tn("{count} job", "{count} jobs", running + waiting) },
        )
      : t(
          "Its jobs go on from what is transcribed already. If the machine comes back, it does none of them a second time.",
        );
    const action = losing ? t("Let them fail") : t("Take over");
    const title = t("Take over the jobs of {host}?", { host });
    if (!(await confirmed({ title, text, action, name: losing ? host : "" }))) return;
    const options = { path: { id }, body: { losing } };
    const takeOver = () => request("POST /api/admin/workers/{id}/take-over", options);
    await this.#try(takeOver, t("The jobs of {host} are taken over.", { host }));
  }
}

/** @param {Job} job */
function jobStateCell({ status, stopping, progress }) {
  if (stopping) return tagCell(t("stopping"), JOB_TONES.running);
  const word =
    status === "running" ? t("running, {share}", { share: percent(progress) }) : STATE_WORDS[status];
  return tagCell(word ?? status, JOB_TONES[status]);
}

/** @param {Job} job */
function describeOutcome({ attempts, created, error, finished, first, started, status, waiting }) {
  if (error) return error.message;
  if (waiting) return t("Waiting: {reason}", { reason: waiting.message });
  if (status === "queued" && first) return t("waiting, before all others");
  if (status === "queued")
    return t("waiting for {created}", { created: duration((Date.now() - Date.parse(created)) / 1000) });
  if (started && finished)
    return t("took {started}", { started: duration((Date.parse(finished) - Date.parse(started)) / 1000) });
  return attempts > 1 ? t("started {attempts} times", { attempts }) : "";
}

/** @param {Worker} worker */
function describeStorage({ here, shared }) {
  if (here) return t("here");
  return shared ? t("shared with this one") : t("in its own folder");
}

/** @param {Record<string, number>} counts */
function showCounts(counts) {
  const present = COUNTED_STATES.filter(([state]) => counts[state]);
  const facts = present.map(([state, word]) => `${(counts[state] ?? 0).toLocaleString(locale())} ${word}`);
  byId("counts").replaceChildren(...facts.map((fact) => element("span", fact)));
}
