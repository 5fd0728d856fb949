/** The captions page: shows a live session's captions to everybody who has the link. It only reads. */

import { byId } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { connectSocket } from "../core/socket.js";
import { readStored, writeStored } from "../core/storage.js";
import { Autoscroll } from "../ui/autoscroll.js";
import { removeNotWhole } from "../ui/not-whole.js";
import { CaptionView } from "./caption-view.js";
import { ReadingTools } from "./reading-tools.js";
import { WakeLock } from "./wake-lock.js";

const EVENTS = ["partial", "commit", "final", "input", "end"];
const ACK_MILLISECONDS = 10_000;
const RETRY_MILLISECONDS = 1000;
const DEFAULT_SIZE = 2; // rem
const LINES_KEY = "captions-lines";

/** @typedef {"waiting" | "on" | "interrupted" | "reconnecting" | "ended" | "closed" | "gone"} State */

/** @type {Record<State, [string, string]>} */
const STATES = {
  waiting: [t("Waiting"), t("Nobody has spoken yet. The words appear here.")],
  on: [t("Live"), ""],
  interrupted: [t("Interrupted"), t("The speaker pauses, or is reconnecting. The words go on here.")],
  reconnecting: [t("Reconnecting"), t("The connection is lost. What is said meanwhile comes afterwards.")],
  ended: [t("Ended"), t("The speaker has finished.")],
  closed: [t("Ended"), t("The speaker has ended these captions.")],
  gone: [t("Ended"), t("These captions are not there any more. Ask the speaker for a new link.")],
};

/** @param {HTMLElement} root */
export function mount(root) {
  removeNotWhole();
  const autoscroll = new Autoscroll(byId("box"), byId("newest"));
  const tools = new ReadingTools(document.documentElement, {
    sizeKey: "captions-size",
    defaultSize: DEFAULT_SIZE,
    onChanged: () => autoscroll.update(),
  });
  byId("lines").addEventListener("click", () => changeLines(1));
  changeLines(0);
  listenTo({ ...tools.keys, b: () => changeLines(1) });
  new CaptionsPage(root, autoscroll);
}

class CaptionsPage {
  #wakeLock = new WakeLock();
  #lastEventId = 0;
  /** @type {[string, any][] | null} Events that came before the snapshot. */
  #bufferedEvents = [];
  #isOver = false;
  /** Whether audio of the speaker arrives. */
  #isArriving = true;

  /** @param {HTMLElement} root @param {Autoscroll} autoscroll */
  constructor(root, autoscroll) {
    this.root = root;
    this.token = root.dataset.token ?? "";
    this.autoscroll = autoscroll;
    this.captions = new CaptionView(byId("words"), byId("spoken"), () => autoscroll.update());
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
    if (!this.#isArriving) this.#show("interrupted");
    else this.#show(byId("words").textContent ? "on" : "waiting");
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
    this.captions.task = ack.task;
    this.captions.language = "";
    this.captions.show(ack.snapshot);
    if (ack.partial) this.captions.apply("partial", ack.partial);
    if (ack.ended) return this.#end("ended");
    this.#isArriving = ack.arriving;
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
    if (kind === "input") this.#isArriving = payload.arriving;
    if (kind === "end") this.#end("ended");
    else if (kind === "input" || this.root.dataset.state !== "on") this.#showRunning();
  }
}

/** @param {Record<string, () => void>} keys */
function listenTo(keys) {
  document.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key]?.();
  });
}

/** Shows the last lines only, at the lower edge, as under a picture; or all words. @param {number} steps */
function changeLines(steps) {
  const next = (Number(readStored(LINES_KEY, false)) + steps) % 2;
  writeStored(LINES_KEY, Boolean(next));
  document.documentElement.dataset.lines = next ? "last" : "all";
  byId("lines").setAttribute("aria-pressed", String(Boolean(next)));
}
