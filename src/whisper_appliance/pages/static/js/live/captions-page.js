/** Captions for a room: what somebody says just now, for everybody who has the link. Reads, and nothing else. */
import { io } from "../../vendor/socket.io.esm.min.js";
import { byId } from "../core/dom.js";
import { stayAwake } from "./wake-lock.js";
import { Follow } from "../ui/autoscroll.js";
import { LiveWords } from "./caption-view.js";
import { recall, remember } from "../core/storage.js";

const EVENTS = ["partial", "commit", "final", "end"];
const SIZES = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6.5];
const CONTRASTS = ["", "dark", "light", "yellow"];
const NAMES = ["as the system", "white on black", "black on white", "yellow on black"];
const STATES = /** @type {Record<string, [string, string]>} */ ({
  waiting: ["Waiting", "Nobody has spoken yet. The words appear here."],
  on: ["Live", ""],
  reconnecting: ["Reconnecting", "The connection is lost. What is said meanwhile comes afterwards."],
  ended: ["Ended", "The speaker has finished."],
  closed: ["Ended", "The speaker has ended these captions."],
  gone: ["Ended", "These captions are not there any more. Ask the speaker for a new link."],
});

const token = document.body.dataset.token ?? "";
const follow = new Follow(byId("box"), byId("newest"));
const words = new LiveWords(byId("words"), () => follow.grown());
const socket = io({
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnectionDelay: 400,
  reconnectionDelayMax: 3000,
  auth: { captions: token },
});
let eid = 0;
/** @type {[string, any][] | null} Events that came before the snapshot did. */
let held = [];
let over = false;

/** @param {string} state */
function show(state) {
  document.body.dataset.state = state;
  byId("state").textContent = STATES[state][0];
  byId("note").textContent = STATES[state][1];
  follow.grown();
}

/** @param {string} state */
function end(state) {
  over = true;
  show(state);
  stayAwake(false);
  socket.disconnect();
}

const showRunning = () => show(byId("words").textContent ? "on" : "waiting");

/** @param {string} kind @param {any} payload */
function take(kind, payload) {
  if (payload.eid && payload.eid <= eid) return;
  if (payload.eid) eid = payload.eid;
  words.take(kind, payload);
  if (kind === "end") end("ended");
  else if (document.body.dataset.state !== "on") showRunning();
}

async function watch() {
  held = [];
  /** @type {any} */
  const answer = await socket
    .timeout(10_000)
    .emitWithAck("captions:watch", { token })
    .catch(() => null);
  if (!answer) return void (socket.connected && setTimeout(watch, 1000));
  if (!answer.ok) return end("gone");
  eid = answer.snapshot.eid;
  words.show(answer.snapshot);
  if (answer.partial) words.take("partial", answer.partial);
  if (answer.ended) return end("ended");
  showRunning();
  const waiting = held ?? [];
  held = null;
  for (const [kind, payload] of waiting) take(kind, payload);
}

/** @param {number} by */
function resize(by) {
  const at = SIZES.indexOf(recall("captions-size", 2));
  const size = SIZES[Math.max(0, Math.min(SIZES.length - 1, (at < 0 ? 3 : at) + by))];
  remember("captions-size", size);
  document.documentElement.style.setProperty("--words", `${size}rem`);
  byId("smaller").toggleAttribute("disabled", size === SIZES[0]);
  byId("larger").toggleAttribute("disabled", size === SIZES.at(-1));
  follow.grown();
}

/** @param {number} by */
function contrast(by) {
  const next = (Math.max(0, CONTRASTS.indexOf(recall("captions-contrast", ""))) + by) % CONTRASTS.length;
  remember("captions-contrast", CONTRASTS[next]);
  document.documentElement.dataset.contrast = CONTRASTS[next];
  byId("contrast-label").textContent =
    `Contrast: ${NAMES[next]}. Change to ${NAMES[(next + 1) % NAMES.length]}`;
}

function full() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen().catch(() => {});
}

const KEYS = /** @type {Record<string, () => void>} */ ({
  "+": () => resize(1),
  "-": () => resize(-1),
  c: () => contrast(1),
  f: full,
});

byId("smaller").addEventListener("click", () => resize(-1));
byId("larger").addEventListener("click", () => resize(1));
byId("contrast").addEventListener("click", () => contrast(1));
byId("full").addEventListener("click", full);
byId("full").hidden = !document.fullscreenEnabled;
document.addEventListener("keydown", (event) => {
  if (!event.ctrlKey && !event.metaKey && !event.altKey) KEYS[event.key]?.();
});
socket.on("connect", () => void watch());
socket.on("connect_error", (error) => /** @type {any} */ (error).data && end("gone")); // without data, nobody answered
socket.on("disconnect", () => over || show("reconnecting"));
socket.on("captions:closed", (payload) => payload.token === token && end("closed"));
for (const kind of EVENTS) {
  socket.on(`live:${kind}`, (payload) => {
    if (payload.s !== token) return;
    if (held) held.push([kind, payload]);
    else take(kind, payload);
  });
}
resize(0);
contrast(0);
stayAwake(true);
