/** The captions page: shows a live session's captions to everybody who has the link. It only reads. */

import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { connectSocket } from "../core/socket.js";
import { readStored, writeStored } from "../core/storage.js";
import { Autoscroll } from "../ui/autoscroll.js";
import { removeNotWhole } from "../ui/not-whole.js";
import { CaptionView } from "./caption-view.js";
import { WakeLock } from "./wake-lock.js";

const EVENTS = ["partial", "commit", "final", "end"];
const ACK_MILLISECONDS = 10_000;
const RETRY_MILLISECONDS = 1000;
const SIZES = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6.5]; // rem
const DEFAULT_SIZE = 2;
const SIZE_KEY = "captions-size";
const CONTRASTS = ["", "dark", "light", "yellow"];
const CONTRAST_NAMES = [t("as the system"), t("white on black"), t("black on white"), t("yellow on black")];
const CONTRAST_KEY = "captions-contrast";

/** @typedef {"waiting" | "on" | "reconnecting" | "ended" | "closed" | "gone"} State */

/** @type {Record<State, [string, string]>} */
const STATES = {
  waiting: [t("Waiting"), t("Nobody has spoken yet. The words appear here.")],
  on: [t("Live"), ""],
  reconnecting: [t("Reconnecting"), t("The connection is lost. What is said meanwhile comes afterwards.")],
  ended: [t("Ended"), t("The speaker has finished.")],
  closed: [t("Ended"), t("The speaker has ended these captions.")],
  gone: [t("Ended"), t("These captions are not there any more. Ask the speaker for a new link.")],
};

/** @param {HTMLElement} root */
export function mount(root) {
  removeNotWhole();
  const autoscroll = new Autoscroll(byId("box"), byId("newest"));
  startTools(() => autoscroll.update());
  new CaptionsPage(root, autoscroll);
}

class CaptionsPage {
  #wakeLock = new WakeLock();
  #lastEventId = 0;
  /** @type {[string, any][] | null} Events that came before the snapshot. */
  #bufferedEvents = [];
  #isOver = false;

  /** @param {HTMLElement} root @param {Autoscroll} autoscroll */
  constructor(root, autoscroll) {
    this.root = root;
    this.token = root.dataset.token ?? "";
    this.autoscroll = autoscroll;
    this.captions = new CaptionView(byId("words"), () => autoscroll.update());
    this.socket = connectSocket({ auth: { captions: this.token } });
    this.socket.on("connect", () => void this.#watch());
    this.socket.on("connect_error", (error) => this.#onConnectError(error));
    this.socket.on("disconnect", () => this.#isOver || this.#show("reconnecting"));
    this.socket.on("captions:closed", ({ token }) => token === this.token && this.#end("closed"));
    for (const kind of EVENTS) this.socket.on(`live:${kind}`, (payload) => this.#onEvent(kind, payload));
    this.#wakeLock.set(true);
  }

  /** @param {State} state */
  #show(state) {
    const [name, note] = STATES[state];
    this.root.dataset.state = state;
    byId("state").textContent = name;
    byId("note").textContent = note;
    this.autoscroll.update();
  }

  #showRunning() {
    this.#show(byId("words").textContent ? "on" : "waiting");
  }

  /** @param {State} state */
  #end(state) {
    this.#isOver = true;
    this.#show(state);
    this.#wakeLock.set(false);
    this.socket.disconnect();
  }

  /** @param {Error & {data?: unknown}} error Without data there was no answer; the socket tries again. */
  #onConnectError({ data }) {
    if (data) this.#end("gone");
  }

  async #watch() {
    this.#bufferedEvents = [];
    const watching = this.socket
      .timeout(ACK_MILLISECONDS)
      .emitWithAck("captions:watch", { token: this.token });
    /** @type {any} */
    const ack = await watching.catch(() => null);
    if (!ack) {
      if (this.socket.connected) setTimeout(() => void this.#watch(), RETRY_MILLISECONDS);
      return;
    }
    if (!ack.ok) return this.#end("gone");
    this.#lastEventId = ack.snapshot.eid;
    this.captions.show(ack.snapshot);
    if (ack.partial) this.captions.apply("partial", ack.partial);
    if (ack.ended) return this.#end("ended");
    this.#showRunning();
    const buffered = this.#bufferedEvents ?? [];
    this.#bufferedEvents = null;
    for (const [kind, payload] of buffered) this.#apply(kind, payload);
  }

  /** @param {string} kind @param {any} payload */
  #onEvent(kind, payload) {
    if (payload.s !== this.token) return;
    if (this.#bufferedEvents) this.#bufferedEvents.push([kind, payload]);
    else this.#apply(kind, payload);
  }

  /** @param {string} kind @param {any} payload */
  #apply(kind, payload) {
    if (payload.eid && payload.eid <= this.#lastEventId) return;
    if (payload.eid) this.#lastEventId = payload.eid;
    this.captions.apply(kind, payload);
    if (kind === "end") this.#end("ended");
    else if (this.root.dataset.state !== "on") this.#showRunning();
  }
}

/** Starts size, contrast and full screen, with their keys. @param {() => void} onResized */
function startTools(onResized) {
  const resize = (/** @type {number} */ by) => {
    changeSize(by);
    onResized();
  };
  byId("smaller").addEventListener("click", () => resize(-1));
  byId("larger").addEventListener("click", () => resize(1));
  byId("contrast").addEventListener("click", () => changeContrast(1));
  byId("full").addEventListener("click", toggleFullScreen);
  byId("full").hidden = !document.fullscreenEnabled;
  /** @type {Record<string, () => void>} */
  const keys = {
    "+": () => resize(1),
    "-": () => resize(-1),
    c: () => changeContrast(1),
    f: toggleFullScreen,
  };
  document.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key]?.();
  });
  resize(0);
  changeContrast(0);
}

/** @param {number} by */
function changeSize(by) {
  const stored = SIZES.indexOf(readStored(SIZE_KEY, DEFAULT_SIZE));
  const current = stored < 0 ? SIZES.indexOf(DEFAULT_SIZE) : stored;
  const next = Math.max(0, Math.min(SIZES.length - 1, current + by));
  writeStored(SIZE_KEY, SIZES[next]);
  document.documentElement.style.setProperty("--words", `${SIZES[next]}rem`);
  byId("smaller").toggleAttribute("disabled", next === 0);
  byId("larger").toggleAttribute("disabled", next === SIZES.length - 1);
}

/** @param {number} by */
function changeContrast(by) {
  const current = Math.max(0, CONTRASTS.indexOf(readStored(CONTRAST_KEY, "")));
  const next = (current + by) % CONTRASTS.length;
  const following = (next + 1) % CONTRASTS.length;
  writeStored(CONTRAST_KEY, CONTRASTS[next]);
  document.documentElement.dataset.contrast = CONTRASTS[next] ?? "";
  byId("contrast-label").textContent = t("Contrast: {next}. Change to {following}", {
    next: CONTRAST_NAMES[next],
    following: CONTRAST_NAMES[following],
  });
}

function toggleFullScreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen().catch(() => {});
}
