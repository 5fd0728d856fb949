/** Watches jobs: event streams with the text for a few of them, polling for the others. */

import { ApiError, request } from "./api.js";
import { t } from "./i18n.js";
import { EventStream } from "./sse.js";

/** A browser opens six HTTP/1 connections to a host; event streams must leave some for everything else. */
const MAX_STREAMS = 2;
const POLL_SECONDS = 2;
/** Of errors after which another try with the same file ends the same way. */
export const FINAL_CODES = ["no_audio", "undecodable", "audio_too_long", "too_large", "unsupported_media"];
const FINAL = new Set(["done", "failed", "cancelled"]);

/**
 * @typedef {import("./api.js").Responses["GET /api/jobs/{id}"]} Job
 * @typedef {import("./api.js").Responses["GET /api/transcripts/{id}"]["segments"][number]} Segment
 * @typedef {{onJob: (job: Job) => void, onSegments: (segments: Segment[]) => void}} Listener
 */

export class JobWatcher {
  /** @type {Map<string, Listener & {job: Job}>} */
  #watched = new Map();
  /** @type {Map<string, EventStream>} */
  #streams = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Until the job has ended. @param {Job} job @param {Listener} listener */
  watch(job, listener) {
    this.#watched.set(job.id, { ...listener, job });
    this.#update(job);
    this.#schedulePoll();
  }

  /** @param {Job} job */
  #update(job) {
    const watched = this.#watched.get(job.id);
    if (!watched) return;
    watched.job = job;
    watched.onJob(job);
    if (FINAL.has(job.status)) this.#unwatch(job.id);
    this.#assignStreams();
  }

  /** @param {string} id */
  #unwatch(id) {
    this.#watched.delete(id);
    this.#streams.get(id)?.close();
    this.#streams.delete(id);
  }

  /** Opens free streams for the jobs that run, then for those that are next. */
  #assignStreams() {
    const rank = (/** @type {Job} */ job) => (job.status === "running" ? -1 : (job.position ?? 0));
    const jobs = [...this.#watched.values()].map(({ job }) => job).sort((a, b) => rank(a) - rank(b));
    for (const { id } of jobs.slice(0, MAX_STREAMS)) {
      if (this.#streams.size < MAX_STREAMS && !this.#streams.has(id)) this.#openStream(id);
    }
  }

  /** @param {string} id */
  #openStream(id) {
    const stream = new EventStream(`/api/jobs/${id}/events`, {
      events: {
        job: (job) => this.#update(job),
        segments: ({ segments }) => this.#watched.get(id)?.onSegments(segments),
      },
      onRefused: () => this.#streams.delete(id), // polling goes on
    });
    this.#streams.set(id, stream);
  }

  #schedulePoll() {
    clearTimeout(this.#timer);
    if (this.#watched.size) this.#timer = setTimeout(() => void this.#poll(), POLL_SECONDS * 1000);
  }

  async #poll() {
    const polled = [...this.#watched.keys()].filter((id) => !this.#streams.get(id)?.isOpen);
    try {
      const jobs = polled.length ? (await request("GET /api/jobs")).jobs : [];
      const listed = new Map(jobs.map((job) => [job.id, job]));
      for (const id of polled) {
        this.#update(listed.get(id) ?? (await request("GET /api/jobs/{id}", { path: { id } })));
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) await this.#failLost(polled);
    }
    this.#schedulePoll();
  }

  /** Shows jobs as failed that the server no longer has, for example after a restore. @param {string[]} ids */
  async #failLost(ids) {
    for (const id of ids) {
      const watched = this.#watched.get(id);
      const isLost = await request("GET /api/jobs/{id}", { path: { id } }).then(
        () => false,
        (error) => error.status === 404,
      );
      if (!isLost || !watched) continue;
      const message = t("The appliance no longer has this recording. Add it again.");
      this.#update({ ...watched.job, status: "failed", error: { code: "not_found", message } });
    }
  }
}
