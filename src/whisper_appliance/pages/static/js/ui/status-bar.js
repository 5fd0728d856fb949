/** The model's chip and the notices: what the appliance can do now. Asked politely, and only while something is amiss. */
import { api } from "../core/api.js";
import { byId } from "../core/dom.js";
import { counted, percent } from "../core/format.js";

/**
 * @typedef {{name: string, state: "ready" | "idle" | "loading" | "downloading" | "unavailable", progress: number | null,
 *   reason: string | null}} Model
 * @typedef {{version: string, model: Model, queue: {waiting: number, running: number},
 *   models: {name: string, state: string, installed: boolean, languages: string, description: string}[]}} Status
 */

const CHANGING_SECONDS = 1.5;
const MISSING_SECONDS = 8;
const OFFLINE_SECONDS = 3;
const STALE_SECONDS = 60;
let askedAt = 0;
let offline = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {Model} model @returns {[string, string]} The chip's word and the panel's sentence. */
function say({ name, state, progress, reason }) {
  const share = progress === null || progress === undefined ? "" : ` ${percent(progress)}`;
  switch (state) {
    case "ready":
      return ["ready", `The model ${name} is loaded and ready.`];
    case "idle":
      return ["ready", `The model ${name} rests to save memory. It loads with the next recording.`];
    case "loading":
      return [`loading${share}`, `The model ${name} is being loaded. Recordings you add now wait for it.`];
    case "downloading":
      return [
        `downloading${share}`,
        `The model ${name} is being downloaded. Recordings you add now wait for it.`,
      ];
    default:
      return ["not available", reason ?? `The model ${name} is not available.`];
  }
}

/** @param {Status} status */
function show({ model, queue }) {
  const [word, sentence] = say(model);
  const bar = /** @type {HTMLProgressElement} */ (byId("model-progress"));
  byId("model-chip").dataset.state = model.state;
  byId("model-name").textContent = model.name;
  byId("model-state").textContent = word;
  byId("model-sentence").textContent = sentence;
  bar.hidden = !["loading", "downloading"].includes(model.state) || typeof model.progress !== "number";
  bar.value = model.progress ?? 0;
  byId("queue-sentence").textContent = queue.waiting ? `${counted(queue.waiting, "recording")} waiting.` : "";
  byId("no-model").hidden = model.state !== "unavailable";
  byId("no-model-text").textContent =
    model.state === "unavailable" ? `Can't transcribe now: ${sentence}` : "";
}

function nextQuestion(/** @type {string} */ state) {
  clearTimeout(timer);
  const seconds = {
    loading: CHANGING_SECONDS,
    downloading: CHANGING_SECONDS,
    unavailable: MISSING_SECONDS,
    offline: OFFLINE_SECONDS,
  }[state];
  if (seconds) timer = setTimeout(refreshStatus, seconds * 1000);
}

/** Asks now, shows what it learns, and asks again later if that may change soon. */
export async function refreshStatus() {
  askedAt = performance.now();
  try {
    const status = /** @type {Status} */ (await api.status());
    show(status);
    nextQuestion(status.model.state);
    document.dispatchEvent(new CustomEvent("status", { detail: status }));
  } catch (error) {
    // Whoever has been signed out meanwhile is told so by what they do next.
    if (/** @type {import("../core/api.js").ApiError} */ (error).status !== 401) nextQuestion("offline");
  }
}

/** @param {boolean} reached */
function connection(reached) {
  if (reached === !offline) return;
  offline = !reached;
  byId("offline").hidden = reached;
  if (offline) {
    byId("model-chip").dataset.state = "checking";
    byId("model-state").textContent = "no answer";
    nextQuestion("offline");
  } else {
    document.dispatchEvent(new CustomEvent("reconnected"));
    refreshStatus();
  }
}

/** Shows the state and keeps it true. */
export function startBar() {
  if (!document.getElementById("model-chip")) return; // an appliance for people with an account, and nobody is signed in
  document.addEventListener("connection", (event) =>
    connection(/** @type {CustomEvent} */ (event).detail.reached),
  );
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && performance.now() - askedAt > STALE_SECONDS * 1000) refreshStatus();
  });
  refreshStatus();
}
