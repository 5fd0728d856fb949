/** Jobs that are watched: words as they come for a few of them, a polite question for the rest. */
import { api, ApiError } from "../core/api.js";

/** A browser opens six connections to a host; event streams must leave some for everything else. */
const STREAMS = 2;
const POLL_SECONDS = 2;
export const FINAL = new Set(["done", "failed", "cancelled"]);

/** @typedef {{onJob: (job: import("../core/api.js").Job) => void, onSegments: (segments: import("../core/api.js").Segment[]) => void}} Watcher */

export class Jobs {
  /** @type {Map<string, Watcher & {job: import("../core/api.js").Job}>} */
  #watched = new Map();
  /** @type {Map<string, EventSource>} */
  #streams = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("../core/api.js").Job} job @param {Watcher} watcher */
  watch(job, watcher) {
    this.#watched.set(job.id, { ...watcher, job });
    this.#update(job);
    this.#schedule();
  }

  /** @param {import("../core/api.js").Job} job */
  #update(job) {
    const watched = this.#watched.get(job.id);
    if (!watched) return;
    watched.job = job;
    watched.onJob(job);
    if (FINAL.has(job.status)) this.#forget(job.id);
    this.#share();
  }

  /** @param {string} id */
  #forget(id) {
    this.#watched.delete(id);
    this.#streams.get(id)?.close();
    this.#streams.delete(id);
  }

  /** Gives free streams to the jobs that run, then to those that are next. */
  #share() {
    const rank = (/** @type {import("../core/api.js").Job} */ job) =>
      job.status === "running" ? -1 : (job.position ?? 0);
    const jobs = [...this.#watched.values()].map((each) => each.job).sort((a, b) => rank(a) - rank(b));
    for (const job of jobs.slice(0, STREAMS)) {
      if (this.#streams.size < STREAMS && !this.#streams.has(job.id)) this.#listen(job.id);
    }
  }

  /** @param {string} id */
  #listen(id) {
    const stream = new EventSource(`/api/jobs/${id}/events`);
    this.#streams.set(id, stream);
    stream.addEventListener("job", (event) => this.#update(JSON.parse(event.data)));
    stream.addEventListener("segments", (event) =>
      this.#watched.get(id)?.onSegments(JSON.parse(event.data).segments),
    );
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) this.#streams.delete(id); // refused; the question below goes on
    });
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#watched.size) this.#timer = setTimeout(() => this.#poll(), POLL_SECONDS * 1000);
  }

  async #poll() {
    const silent = [...this.#watched.keys()].filter(
      (id) => this.#streams.get(id)?.readyState !== EventSource.OPEN,
    );
    try {
      const known = new Map(silent.length ? (await api.jobs()).map((job) => [job.id, job]) : []);
      for (const id of silent) this.#update(known.get(id) ?? (await api.job(id)));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) await this.#dropLost(silent);
    }
    this.#schedule();
  }

  /** @param {string[]} ids Jobs the appliance no longer knows, e.g. because its data were replaced. */
  async #dropLost(ids) {
    for (const id of ids) {
      const watched = this.#watched.get(id);
      const lost = await api.job(id).then(
        () => false,
        (error) => error.status === 404,
      );
      if (!lost || !watched) continue;
      const error = {
        code: "not_found",
        message: "The appliance no longer knows this recording. Add it again.",
      };
      this.#update({ ...watched.job, status: "failed", error });
    }
  }
}
