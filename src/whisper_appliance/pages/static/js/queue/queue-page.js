/** The queue: what runs, what waits in which order, and what ended; with pause, cancel and another try. */

import { fromRoot } from "../core/addresses.js";
import { messageOf, request } from "../core/api.js";
import { action, announce, buttonById, byId, element, fromTemplate, showFacts, slot } from "../core/dom.js";
import { clock, percent, timeLeft } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { FINAL_CODES } from "../core/job-watcher.js";
import { startPolling } from "../core/polling.js";
import { KeyedList } from "../ui/keyed-list.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";
import { startDragOrder } from "./drag-order.js";

const REFRESH_SECONDS = 2;
const IDLE_SECONDS = 20; // nothing runs or waits
const PAGE_SIZE = "200";
const DONE_SHOWN = 20;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/jobs"]["jobs"][number]} Job
 * @typedef {"first" | "up" | "down" | "last"} Move
 * @typedef {{jobs: Job[], paused: boolean}} Queue
 */

/** @type {Record<string, Move>} */
const KEYS = { ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" };
const PARTS = ["running", "waiting", "failed", "done"];

/** @param {HTMLElement} root */
export function mount(root) {
  const { shortcuts } = startPage(root);
  const page = new QueuePage();
  shortcuts.add({ p: () => void page.pauseOrContinue() });
}

/** @param {Pick<Job, "status">[]} jobs @returns {number} After which these jobs are loaded again. */
export const pauseSeconds = (jobs) =>
  jobs.some(({ status }) => status === "running" || status === "queued") ? REFRESH_SECONDS : IDLE_SECONDS;

class QueuePage {
  #rows = new KeyedList({
    create: (id) => this.#createRow(id),
    fill: (row, /** @type {Job} */ job) => this.#fill(row, job),
  });
  /** @type {Queue} */
  #shown = { jobs: [], paused: false };

  constructor() {
    this.#drag = startDragOrder(byId("waiting"), (row) => {
      const next = /** @type {HTMLElement | null} */ (row.nextElementSibling);
      void this.#move(row.dataset.id ?? "", next?.dataset.id ?? null);
    });
    byId("waiting").addEventListener("keydown", (event) => this.#moveByKey(event));
    buttonById("pause").addEventListener("click", () => void this.pauseOrContinue());
    this.#refresh = startPolling({
      load: (isNewest) => this.#load(isNewest),
      onError: (error) => {
        byId("problem-text").textContent = messageOf(error);
        byId("problem").hidden = false;
      },
      pauseSeconds: () => pauseSeconds(this.#shown.jobs),
    });
  }

  #drag;
  #refresh;

  /** @param {() => boolean} isNewest */
  async #load(isNewest) {
    const queue = await loadQueue();
    if (!isNewest()) return;
    if (!this.#drag.isDragging()) this.#show(queue);
    byId("problem").hidden = true;
  }

  /** @param {Queue} queue */
  #show(queue) {
    this.#shown = queue;
    const parts = partsOf(queue.jobs);
    const focused = document.activeElement;
    for (const name of PARTS) {
      const jobs = parts[name] ?? [];
      const rows = jobs.map((job) => this.#rows.update(job.id, job, [name, jobs.length]));
      const list = byId(name);
      const isSame =
        rows.length === list.children.length && rows.every((row, at) => list.children[at] === row);
      if (!isSame) list.replaceChildren(...rows);
      byId(`${name}-part`).hidden = !jobs.length;
    }
    if (focused instanceof HTMLElement && focused.isConnected) focused.focus(); // a row that moved lost it
    this.#rows.retain(new Set(PARTS.flatMap((name) => (parts[name] ?? []).map(({ id }) => id))));
    byId("queue-empty").hidden = PARTS.some((name) => parts[name]?.length);
    byId("paused-notice").hidden = !queue.paused;
    const pause = buttonById("pause");
    pause.disabled = false;
    pause.setAttribute("aria-pressed", String(queue.paused));
    byId("queue-lists").setAttribute("aria-busy", "false");
    const facts = factsOf(parts.running ?? [], parts.waiting ?? []);
    if (byId("queue-facts").textContent !== facts) byId("queue-facts").textContent = facts;
  }

  /** @param {string} id */
  #createRow(id) {
    const row = fromTemplate("queue-row-template");
    row.dataset.id = id;
    for (const move of /** @type {Move[]} */ (["first", "up", "down"])) {
      action(row, move).addEventListener("click", () => void this.#moveBy(id, move));
    }
    action(row, "cancel").addEventListener("click", () => void this.#cancel(this.#rows.item(id)));
    action(row, "retry").addEventListener("click", () => void this.#retry(this.#rows.item(id)));
    return row;
  }

  /** @param {HTMLElement} row @param {Job} job */
  #fill(row, job) {
    const { title, status } = job;
    row.dataset.state = status;
    fillTitle(slot(row, "title"), job);
    const waiting = this.#waiting();
    const place = waiting.findIndex(({ id }) => id === job.id);
    const isQueued = status === "queued";
    const shown = {
      handle: isQueued && waiting.length > 1,
      first: place > 0,
      up: place > 0,
      down: isQueued && place < waiting.length - 1,
      retry: job.can_retry && !FINAL_CODES.includes(job.error?.code ?? ""),
      cancel: isQueued || status === "running",
    };
    for (const [name, isShown] of Object.entries(shown)) action(row, name).hidden = !isShown;
    slot(row, "handle-label").textContent = t("Move {title}", { title });
    slot(row, "first-label").textContent = t("Move {title} to the front", { title });
    slot(row, "up-label").textContent = t("Move {title} up", { title });
    slot(row, "down-label").textContent = t("Move {title} down", { title });
    action(row, "cancel").setAttribute("aria-label", t("Cancel {title}", { title }));
    action(row, "retry").setAttribute("aria-label", t("Try {title} again", { title }));
    showFacts(slot(row, "facts"), jobFacts(job));
    const bar = /** @type {HTMLProgressElement} */ (slot(row, "bar"));
    bar.hidden = status !== "running";
    bar.setAttribute("aria-label", t("Progress of {title}", { title }));
    if (job.progress > 0) bar.value = job.progress;
    else bar.removeAttribute("value");
  }

  /** @returns {Job[]} */
  #waiting() {
    return partsOf(this.#shown.jobs).waiting ?? [];
  }

  /** @param {KeyboardEvent} event */
  #moveByKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const move = KEYS[event.key];
    const row = /** @type {HTMLElement | null} */ (target.closest(".handle")?.closest("li") ?? null);
    if (!move || !row || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    void this.#moveBy(row.dataset.id ?? "", move);
  }

  /** @param {string} id @param {Move} move */
  async #moveBy(id, move) {
    const waiting = this.#waiting();
    const place = waiting.findIndex((job) => job.id === id);
    /** @type {Record<Move, number>} */
    const places = { first: 0, up: place - 1, down: place + 1, last: waiting.length - 1 };
    const wanted = places[move];
    if (place < 0 || wanted === place || wanted < 0 || wanted >= waiting.length) return;
    const others = waiting.filter((job) => job.id !== id);
    await this.#move(id, others[wanted]?.id ?? null);
  }

  /** @param {string} id @param {string | null} before The job that comes next then; null: none. */
  async #move(id, before) {
    const { title } = this.#rows.item(id);
    const act = () => request("POST /api/jobs/{id}/move", { path: { id }, body: { before } });
    await this.#try(act, () => {
      const place = this.#waiting().findIndex((job) => job.id === id) + 1;
      return place ? t("{title} is at place {place} now.", { title, place }) : "";
    });
  }

  /** @param {Job} job */
  async #cancel({ id, title }) {
    await this.#try(
      () => request("DELETE /api/jobs/{id}", { path: { id } }),
      () => t("{title} is cancelled.", { title }),
    );
  }

  /** @param {Job} job */
  async #retry({ id, title }) {
    await this.#try(
      () => request("POST /api/jobs/{id}/retry", { path: { id } }),
      () => t("{title} waits again.", { title }),
    );
  }

  async pauseOrContinue() {
    const { paused } = this.#shown;
    await this.#try(
      () => request(paused ? "DELETE /api/jobs/pause" : "PUT /api/jobs/pause"),
      () => (paused ? t("The queue goes on.") : t("The queue is paused.")),
    );
  }

  /** @param {() => Promise<unknown>} act @param {() => string} sentence What is announced then. */
  async #try(act, sentence) {
    try {
      await act();
      await this.#refresh();
      announce(sentence());
    } catch (error) {
      toast(messageOf(error));
      await this.#refresh();
    }
  }
}

/** All jobs that run or wait, and the ended ones of the last day. @returns {Promise<Queue>} */
async function loadQueue() {
  const latest = await request("GET /api/jobs", { query: new URLSearchParams({ limit: PAGE_SIZE }) });
  const jobs = new Map(latest.jobs.map((job) => [job.id, job]));
  let { next } = latest;
  while (next) {
    const query = new URLSearchParams({ limit: PAGE_SIZE, status: "queued", cursor: next });
    const page = await request("GET /api/jobs", { query });
    for (const job of page.jobs) jobs.set(job.id, job);
    next = page.next;
  }
  return { jobs: [...jobs.values()], paused: latest.paused };
}

/** @param {Job[]} jobs @returns {Record<string, Job[]>} */
function partsOf(jobs) {
  const place = (/** @type {Job} */ { own_place }) => own_place ?? Number.POSITIVE_INFINITY;
  return {
    running: jobs.filter(({ status }) => status === "running").toReversed(),
    waiting: jobs.filter(({ status }) => status === "queued").sort((a, b) => place(a) - place(b)),
    failed: jobs.filter(
      ({ status, can_retry }) => status === "failed" || (status === "cancelled" && can_retry),
    ),
    done: jobs.filter(({ status }) => status === "done").slice(0, DONE_SHOWN),
  };
}

/** @param {HTMLElement} heading @param {Job} job */
function fillTitle(heading, { title, transcript_id: id }) {
  if (!id) {
    heading.textContent = title;
    return;
  }
  const link = /** @type {HTMLAnchorElement} */ (element("a", title));
  link.href = fromRoot(`/transcripts/${id}`);
  heading.replaceChildren(link);
}

/** @param {Job} job @returns {string[]} What it is, and how far. */
export function jobFacts(job) {
  const length = job.duration ? clock(job.duration) : "";
  const left = job.seconds_left == null ? "" : timeLeft(job.seconds_left);
  /** @type {Record<Job["status"], () => string[]>} */
  const facts = {
    running: () => [job.progress > 0 ? percent(job.progress) : t("Begins"), left, length],
    queued: () => [waitingFact(job), left, length],
    done: () => [length],
    failed: () => [job.error?.message ?? t("The job ended without a reason.")],
    cancelled: () => [t("Cancelled"), length],
  };
  const kind = job.translation_of ? t("Translation into English") : "";
  return [kind, ...facts[job.status]()].filter(Boolean);
}

/** @param {Job} job */
function waitingFact({ paused, position, waiting }) {
  if (waiting) return t("Waiting: {reason}", { reason: waiting.message });
  if (paused) return t("Paused");
  if (position === 1) return t("Starts next");
  return position ? tn("{count} ahead", "{count} ahead", position - 1) : "";
}

/** @param {Job[]} running @param {Job[]} waiting */
function factsOf(running, waiting) {
  const left = Math.max(0, ...[...running, ...waiting].map(({ seconds_left: seconds }) => seconds ?? 0));
  const facts = [
    running.length ? t("{count} running", { count: running.length }) : "",
    waiting.length ? t("{count} waiting", { count: waiting.length }) : "",
    left ? timeLeft(left) : "",
  ];
  return facts.filter(Boolean).join(" · ") || t("Nothing to do");
}
