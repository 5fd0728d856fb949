/** The model's chip in the bar, and the notices below it. Polls the status only while it may change soon. */

import { request } from "../core/api.js";
import { byId } from "../core/dom.js";
import { percent } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { onConnection, reportReconnected, reportStatus } from "../core/page-events.js";

/**
 * @typedef {import("../core/page-events.js").Status} Status
 * @typedef {NonNullable<Status["model"]>} Model
 * @typedef {import("../core/api.js").ApiError} ApiError
 */

/** @type {Record<string, number>} Seconds until the next poll, by the model's state. */
const POLL_SECONDS = { loading: 1.5, downloading: 1.5, unavailable: 8, offline: 3 };
const STALE_SECONDS = 60;

/** @param {Model} model @returns {[string, string]} The chip's word and the panel's sentence. */
function describe({ name, state, progress, reason }) {
  const share = progress === null || progress === undefined ? "" : ` ${percent(progress)}`;
  switch (state) {
    case "ready":
      return [t("ready"), t("The model {name} is loaded and ready.", { name })];
    case "idle":
      return [
        t("ready"),
        t("The model {name} is not loaded, to save memory. The next recording loads it.", { name }),
      ];
    case "loading":
      return [
        t("loading{share}", { share }),
        t("The model {name} is being loaded. Recordings you add now wait for it.", { name }),
      ];
    case "downloading":
      return [
        t("downloading{share}", { share }),
        t("The model {name} is being downloaded. Recordings you add now wait for it.", { name }),
      ];
    default:
      return [t("not available"), reason ?? t("The model {name} is not available.", { name })];
  }
}

export class StatusBar {
  #loadedAt = 0;
  #offline = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  start() {
    onConnection((reached) => this.#onConnection(reached));
    document.addEventListener("visibilitychange", () => {
      const isStale = performance.now() - this.#loadedAt > STALE_SECONDS * 1000;
      if (!document.hidden && isStale) void this.#load();
    });
    void this.#load();
  }

  async #load() {
    this.#loadedAt = performance.now();
    try {
      const status = await request("GET /api/status");
      this.#show(status);
      this.#poll(status.model?.state ?? "");
      reportStatus(status);
    } catch (error) {
      // After a sign-out elsewhere (401) the next action of the page shows it; polling would not help.
      if (/** @type {ApiError} */ (error).status !== 401) this.#poll("offline");
    }
  }

  /** @param {string} state */
  #poll(state) {
    clearTimeout(this.#timer);
    // An answer from before the connection was lost may arrive after it; polling must go on all the same.
    const seconds = POLL_SECONDS[this.#offline ? "offline" : state];
    if (seconds) this.#timer = setTimeout(() => void this.#load(), seconds * 1000);
  }

  /** @param {Status} status */
  #show({ model, queue }) {
    const waiting = queue?.waiting ?? 0;
    byId("queue-sentence").textContent = waiting
      ? t("{waiting} waiting.", { waiting: tn("{count} recording", "{count} recordings", waiting) })
      : "";
    if (!model) return;
    const [word, sentence] = describe(model);
    const bar = /** @type {HTMLProgressElement} */ (byId("model-progress"));
    byId("model-chip").dataset.state = model.state;
    byId("model-name").textContent = model.name;
    byId("model-state").textContent = word;
    byId("model-sentence").textContent = sentence;
    bar.hidden = !["loading", "downloading"].includes(model.state) || typeof model.progress !== "number";
    bar.value = model.progress ?? 0;
    const isMissing = model.state === "unavailable";
    byId("no-model").hidden = !isMissing;
    byId("no-model-text").textContent = isMissing ? t("Can't transcribe now: {sentence}", { sentence }) : "";
  }

  /** @param {boolean} reached */
  #onConnection(reached) {
    if (reached !== this.#offline) return;
    this.#offline = !reached;
    byId("offline").hidden = reached;
    if (this.#offline) {
      byId("model-chip").dataset.state = "checking";
      byId("model-state").textContent = t("no answer");
      this.#poll("offline");
    } else {
      reportReconnected();
      void this.#load();
    }
  }
}
