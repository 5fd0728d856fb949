/** Launches live speech from its button. The code of the live view is loaded when the button is pressed. */
import { offlineError } from "../core/api.js";
import { byId, selectById } from "../core/dom.js";
import { toast } from "../ui/toast.js";
import { readTicket } from "./session-store.js";
import { showSources, storeSource } from "./source-select.js";
import { showTransport, usesWebRtc } from "./transport-choice.js";

const LOCK_NAME = "live";

/** @typedef {import("./live-view.js").LiveView} LiveView */

/** @template T @param {Promise<T>} module @returns {Promise<T | null>} Null if the server does not answer. */
async function loaded(module) {
  return module.catch(() => {
    toast(offlineError().message);
    return null;
  });
}

/** @returns {Promise<boolean>} Whether another tab of this browser is recording. */
async function isRecordingElsewhere() {
  const locks = (await navigator.locks?.query())?.held ?? [];
  return locks.some(({ name }) => name === LOCK_NAME);
}

/** Takes the lock that shows other tabs a recording, for as long as this page lives. */
function lockRecording() {
  void navigator.locks?.request(LOCK_NAME, { ifAvailable: true }, (lock) => lock && new Promise(() => {}));
}

/** @param {Record<string, string>} options Of the form. @returns {Record<string, unknown>} The payload of `live:start`. */
export function startPayload({ language, task, model, hotwords, prompt }) {
  const chosen = Object.entries({ language, task, model, hotwords, prompt }).filter(([, value]) => value);
  return { v: 1, format: "pcm_s16le", rate: 16_000, ...Object.fromEntries(chosen) };
}

class LiveLauncher {
  #source = selectById("source");
  /** @type {LiveView | null} */
  #view = null;

  /** @param {() => Record<string, string>} options */
  constructor(options) {
    this.options = options;
    showTransport();
    byId("speak").addEventListener("click", () => void this.#start());
    this.#source.addEventListener("change", () => storeSource(this.#source.value));
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#listSources());
    void this.#listSources();
    void this.#resume();
  }

  async #listSources() {
    const microphone = await loaded(import("./microphone.js"));
    if (microphone) showSources(this.#source, await microphone.listSources());
  }

  /** @returns {Promise<LiveView | null>} */
  async #openView() {
    const module = await loaded(import("./live-view.js"));
    if (!module) return null;
    lockRecording();
    this.#view ??= new module.LiveView();
    return this.#view;
  }

  async #start() {
    const source = this.#source.value;
    const view = await this.#openView();
    await view?.start(source, startPayload(this.options()), usesWebRtc());
  }

  /** Shows the session that this browser left without ending it. */
  async #resume() {
    if (!readTicket() || (await isRecordingElsewhere())) return;
    const view = await this.#openView();
    await view?.resume(startPayload(this.options()), usesWebRtc());
  }
}

/**
 * @param {() => Record<string, string>} options The transcription options of the page.
 * @returns {Record<string, () => void>} What to do, by key.
 */
export function startLiveLauncher(options) {
  new LiveLauncher(options);
  const isLive = () => document.body.classList.contains("live-on");
  const whileLive = (/** @type {() => string} */ id) => () => {
    if (isLive()) byId(id()).click();
  };
  return {
    r: () => byId(isLive() ? "live-stop" : "speak").click(),
    p: whileLive(() => (byId("live-pause").hidden ? "live-continue" : "live-pause")),
    "+": whileLive(() => "larger"),
    "-": whileLive(() => "smaller"),
    c: whileLive(() => "contrast"),
    f: whileLive(() => "full"),
  };
}
