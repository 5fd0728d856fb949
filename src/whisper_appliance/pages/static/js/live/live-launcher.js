/** The door to live speech: one round button. What is behind it is fetched when it is pressed, or when a recording was left. */
import { unreachable } from "../core/api.js";
import { byId } from "../core/dom.js";
import { chosenOptions } from "../transcribe/options-form.js";
import { recall, remember } from "../core/storage.js";
import { toast } from "../ui/toast.js";

const SOURCE = "live-source";
const LOCK = "live";

const doorSource = () => /** @type {HTMLSelectElement} */ (byId("source"));

/** @template T @param {Promise<T>} module @returns {Promise<T | null>} What is behind the door; null when the appliance does not answer. */
async function fetched(module) {
  return module.catch(() => {
    toast(unreachable().message);
    return null;
  });
}

/** @returns {Promise<boolean>} Whether another tab of this browser is recording. */
async function recordedElsewhere() {
  const held = (await navigator.locks?.query())?.held ?? [];
  return held.some(({ name }) => name === LOCK);
}

/** Holds the lock that tells other tabs of a recording, as long as this page lives. */
function tellOtherTabs() {
  void navigator.locks?.request(LOCK, { ifAvailable: true }, (lock) => lock && new Promise(() => {}));
}

/** @param {HTMLSelectElement} select @param {{id: string, label: string}[]} sources */
export function offerSources(select, sources) {
  const wanted = select.value || recall(SOURCE, "");
  select.replaceChildren(...sources.map(({ id, label }) => new Option(label, id)));
  select.value = sources.some(({ id }) => id === wanted) ? wanted : "";
}

async function fillSources() {
  const audio = await fetched(import("./microphone.js"));
  if (audio) offerSources(doorSource(), await audio.sources());
}

async function speak() {
  const source = doorSource().value;
  const view = await fetched(import("./live-view.js"));
  if (!view) return;
  tellOtherTabs();
  await view.live.start(source, wishes());
}

/** What `live:start` is told of the options; the appliance chooses the rest. */
function wishes() {
  const { language, task, model, hotwords, prompt } = chosenOptions();
  const told = Object.entries({ language, task, model, hotwords, prompt }).filter(([, value]) => value);
  return { v: 1, format: "pcm_s16le", rate: 16_000, ...Object.fromEntries(told) };
}

async function takeUpAgain() {
  if (!recall("live-session", null) || (await recordedElsewhere())) return;
  const view = await fetched(import("./live-view.js"));
  if (!view) return;
  tellOtherTabs();
  view.live.takeUp(wishes());
}

/** @returns {{speak: () => void, pause: () => void}} What the keys do: begin or end, pause or go on. */
export function startSpeak() {
  byId("speak").addEventListener("click", () => void speak());
  doorSource().addEventListener("change", () => remember(SOURCE, doorSource().value));
  navigator.mediaDevices?.addEventListener("devicechange", () => void fillSources());
  void fillSources();
  void takeUpAgain();
  const listening = () => document.body.classList.contains("live-on");
  return {
    speak: () => byId(listening() ? "live-stop" : "speak").click(),
    pause: () => listening() && byId(byId("live-pause").hidden ? "live-continue" : "live-pause").click(),
  };
}
