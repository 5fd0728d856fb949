/** The live view: records, and shows captions as they come. */

import { fromRoot } from "../core/addresses.js";
import { announce, byId, selectById, showFacts } from "../core/dom.js";
import { clock, languageName } from "../core/format.js";
import { t } from "../core/i18n.js";
import { Autoscroll } from "../ui/autoscroll.js";
import { CaptionSharing } from "./caption-sharing.js";
import { CaptionView } from "./caption-view.js";
import { LiveSession } from "./live-session.js";
import { hasPermission, listSources, Microphone } from "./microphone.js";
import { ReadingTools } from "./reading-tools.js";
import { PACKET_SECONDS } from "./send-queue.js";
import { readTicket, writeTicket } from "./session-store.js";
import { showSources, storedSource, storeSource } from "./source-select.js";
import { statusOf } from "./status-line.js";
import { WakeLock } from "./wake-lock.js";
import { Waveform } from "./waveform.js";

const UPDATE_MILLISECONDS = 250;
const DETACH_AFTER_PAUSE_MILLISECONDS = 20_000;
const DEFAULT_SIZE = 1.5; // rem
const UNSENT_SECONDS = 1;
const LAG_SECONDS = 3;
const NEW_SESSION = t(
  "The appliance had ended the recording. What was said since then goes into a second transcript.",
);

/** @typedef {"off" | "asking" | "on" | "paused" | "left" | "finishing" | "problem"} State */

/** @type {Record<State, string>} */
const TITLES = {
  off: "",
  asking: t("Waiting for the microphone"),
  on: t("Listening"),
  paused: t("Paused"),
  left: t("Interrupted"),
  finishing: t("Finishing"),
  problem: "",
};
/** @type {Record<string, string>} By the code of a refusal. */
const REFUSAL_TITLES = {
  busy: t("No place is free"),
  model_missing: t("The model is not ready"),
  disk_full: t("The disk is full"),
};

/**
 * @typedef {import("./live-session.js").Listener} Listener
 * @typedef {import("./live-session.js").Refusal} Refusal
 * @typedef {import("./microphone.js").CaptureError} CaptureError
 */

/** @param {LiveSession | null} session @returns {string} What carries the sound, where WebRTC was chosen. */
function transportName(session) {
  if (session?.transmission.state === "on") return t("Over WebRTC");
  return session?.transmission.state === "connecting"
    ? t("WebRTC is being connected")
    : t("Over the socket, because WebRTC failed");
}

export class LiveView {
  /** @type {State} */
  #state = "off";
  /** @type {LiveSession | null} */
  #session = null;
  #usesWebRtc = false;
  #startPayload = /** @type {Record<string, any>} */ ({});
  /** The language of the latest final result. */
  #detectedLanguage = "";
  #source = "";
  #needsMicrophone = false;
  #pausedAt = 0;
  #message = "";
  #statusKind = "";
  #pageTitle = document.title;
  #retry = () => {};
  #microphone = new Microphone({
    onPacket: (packet, levels, beginsTrack) => this.#onPacket(packet, levels, beginsTrack),
    onEnded: () => void this.#onMicrophoneLost(),
  });
  #autoscroll = new Autoscroll(byId("live-box"), byId("live-newest"));
  #captions = new CaptionView(byId("live-words"), byId("live-spoken"), () => this.#autoscroll.update());
  #waveform = new Waveform(byId("live-wave"), byId("live-level"));
  #sharing = new CaptionSharing();
  #wakeLock = new WakeLock();
  #sourceSelect = selectById("live-source");

  constructor() {
    new ReadingTools(byId("live"), {
      sizeKey: "live-size",
      defaultSize: DEFAULT_SIZE,
      onChanged: () => this.#autoscroll.update(),
    });
    byId("live-stop").addEventListener("click", () => void this.#stop());
    byId("live-pause").addEventListener("click", () => void this.#pause());
    byId("live-continue").addEventListener("click", () => void this.#continue());
    byId("live-retry").addEventListener("click", () => this.#retry());
    byId("live-back").addEventListener("click", () => this.#leave());
    this.#sourceSelect.addEventListener("change", () => void this.#changeSource());
    window.addEventListener("beforeunload", (event) => {
      if ((this.#session?.queue.waitingSeconds ?? 0) > UNSENT_SECONDS) event.preventDefault();
    });
    navigator.mediaDevices?.addEventListener(
      "devicechange",
      () => this.#state !== "off" && void this.#listSources(),
    );
    setInterval(() => this.#update(), UPDATE_MILLISECONDS);
  }

  /** @param {string} source Of `listSources`. @param {Record<string, any>} startPayload Of `live:start`. @param {boolean} [usesWebRtc] */
  async start(source, startPayload, usesWebRtc = false) {
    if (!["off", "problem"].includes(this.#state)) return;
    [this.#source, this.#startPayload, this.#usesWebRtc] = [source, startPayload, usesWebRtc];
    this.#detectedLanguage = "";
    this.#captions.clear();
    this.#waveform.clear();
    this.#message = "";
    this.#setState("asking");
    if (!(await this.#openMicrophone(this.#restart))) return;
    this.#connect(null);
    this.#session?.transmit(this.#microphone.transmissionSource);
    this.#setState("on");
  }

  /**
   * Shows the session that was left with the page. It goes on by itself if it was not paused and the browser may
   * listen; otherwise the page offers to continue it.
   * @param {Record<string, any>} startPayload @param {boolean} usesWebRtc
   */
  async resume(startPayload, usesWebRtc) {
    const ticket = readTicket();
    [this.#startPayload, this.#usesWebRtc] = [startPayload, usesWebRtc];
    this.#source = storedSource();
    void this.#listSources();
    this.#setState("left");
    this.#connect(ticket);
    if (!ticket?.paused && (await hasPermission(this.#source))) await this.#continue();
  }

  #restart = () => void this.start(this.#source, this.#startPayload, this.#usesWebRtc);

  /** @param {() => void} retry @returns {Promise<boolean>} */
  async #openMicrophone(retry) {
    try {
      await this.#microphone.open(this.#source, this.#usesWebRtc);
    } catch (error) {
      const { title, advice, code } = /** @type {CaptureError} */ (error);
      this.#showProblem(title, advice, code, retry);
      return false;
    }
    this.#needsMicrophone = false;
    this.#startPayload.format = this.#microphone.format;
    void this.#listSources(); // what is said meanwhile counts
    return true;
  }

  async #listSources() {
    showSources(this.#sourceSelect, await listSources());
    this.#sourceSelect.value = this.#source;
    if (this.#sourceSelect.selectedIndex >= 0) return;
    this.#source = "";
    this.#sourceSelect.value = "";
  }

  /** @param {import("./session-store.js").Ticket | null} ticket */
  #connect(ticket) {
    this.#session?.close();
    this.#captions.task = this.#startPayload.task;
    this.#captions.language = this.#startPayload.language ?? "";
    this.#session = new LiveSession(this.#startPayload, this.#listener(), ticket);
    this.#session.recording = !ticket;
  }

  /** @returns {Listener} */
  #listener() {
    return {
      onEvent: (kind, payload) => this.#onEvent(kind, payload),
      onSnapshot: (snapshot) => {
        this.#captions.show(snapshot);
        // Detached again at once, so that the server waits the full time for a decision.
        setTimeout(() => this.#state === "left" && void this.#session?.pause(), UPDATE_MILLISECONDS);
      },
      onRefused: (refusal) => this.#onRefused(refusal),
      onNewSession: () => this.#captions.startNewSession(NEW_SESSION),
    };
  }

  /** @param {ArrayBuffer} packet @param {number[]} levels @param {boolean} [beginsTrack] */
  #onPacket(packet, levels, beginsTrack) {
    const session = this.#session;
    if (!session || !["on", "paused", "finishing"].includes(this.#state)) return;
    const { head } = this.#microphone;
    if (head && head !== session.head && head !== packet) session.add(head); // it came before the session
    session.head = head;
    session.add(packet, beginsTrack);
    if (this.#state !== "paused") this.#waveform.add(levels);
  }

  /** @param {string} kind @param {any} payload */
  #onEvent(kind, payload) {
    this.#captions.apply(kind, payload);
    if (kind === "final") this.#detectedLanguage = payload.language;
    if (kind === "error") this.#message = payload.message;
    if (kind === "end") void this.#onEnd(payload);
    this.#update();
  }

  /** @param {{transcript_id: string | null}} end */
  async #onEnd({ transcript_id: id }) {
    await this.#microphone.close();
    this.#wakeLock.set(false);
    if (id) return location.assign(fromRoot(`/transcripts/${id}`));
    const advice = t("No sound has reached the appliance, so there is no transcript.");
    this.#showProblem(t("Nothing was recorded"), advice, "", this.#restart);
  }

  /** @param {Refusal} refusal */
  #onRefused({ code, message }) {
    void this.#microphone.close();
    this.#session?.close();
    if (code !== "gone") {
      const title = REFUSAL_TITLES[code] ?? t("The recording could not begin");
      return this.#showProblem(title, message, code, this.#restart);
    }
    writeTicket(null);
    const advice = t(
      "The appliance ended it because nothing came any more. What was said until then is in the library.",
    );
    this.#showProblem(t("The recording has ended"), advice, code, this.#restart);
  }

  async #stop() {
    if (this.#state === "asking" || !this.#session) return;
    this.#setState("finishing");
    this.#session.transmit(null);
    await this.#microphone.close();
    this.#session.recording = false;
    this.#session.stop();
    this.#waveform.rest();
  }

  async #pause() {
    if (this.#state !== "on") return;
    this.#setState("paused");
    this.#storePaused(true);
    this.#pausedAt = performance.now();
    this.#session?.transmit(null);
    await this.#microphone.pause();
    this.#waveform.rest();
  }

  async #continue() {
    const before = this.#state;
    if (before !== "paused" && before !== "left") return;
    if (before === "left" || this.#needsMicrophone) {
      if (!(await this.#openMicrophone(() => this.#setState(before)))) return;
    } else await this.#microphone.resume();
    this.#message = "";
    if (this.#session) this.#session.recording = true;
    this.#session?.resume();
    this.#session?.transmit(this.#microphone.transmissionSource);
    this.#setState("on");
    this.#storePaused(false);
  }

  /** For a page that is reloaded meanwhile. @param {boolean} paused */
  #storePaused(paused) {
    if (this.#session?.ticket) writeTicket({ ...this.#session.ticket, paused });
  }

  async #onMicrophoneLost() {
    await this.#pause();
    await this.#microphone.close();
    this.#needsMicrophone = true;
    this.#message = t(
      "The sound has ended: the microphone is gone, or sharing was stopped. Choose a source, then continue.",
    );
  }

  async #changeSource() {
    const before = this.#source;
    this.#source = this.#sourceSelect.value;
    storeSource(this.#source);
    if (this.#state !== "on") {
      this.#needsMicrophone = true;
      return;
    }
    this.#session?.transmit(null);
    try {
      await this.#microphone.change(this.#source);
      this.#message = "";
    } catch (error) {
      this.#message = t("{title}. The old source stays.", {
        title: /** @type {{title: string}} */ (error).title,
      });
      this.#source = before;
      this.#sourceSelect.value = before;
    }
    this.#session?.transmit(this.#microphone.transmissionSource);
  }

  /** @param {string} title @param {string} advice @param {string} code @param {() => void} retry */
  #showProblem(title, advice, code, retry) {
    this.#retry = retry;
    byId("live-problem-title").textContent = title;
    byId("live-problem-text").textContent = advice;
    byId("live-problem-code").textContent = code ? t("Code {code}", { code }) : "";
    byId("live-trust").hidden = code !== "not_secure";
    byId("live-retry").hidden = code === "not_secure"; // a second attempt would fail as well
    this.#setState("problem");
    byId("live-problem-title").focus();
  }

  /** Goes back to the transcribe page. */
  #leave() {
    this.#session?.close();
    this.#session = null;
    this.#setState("off");
    byId("speak").focus();
  }

  /** @param {State} state */
  #setState(state) {
    this.#state = state;
    const isOn = state !== "off";
    const title = TITLES[state];
    byId("live").hidden = !isOn;
    byId("live").dataset.state = state;
    document.body.classList.toggle("live-on", isOn);
    byId("live-problem").hidden = state !== "problem";
    byId("live-work").hidden = state === "problem";
    byId("live-pause").hidden = state !== "on";
    byId("live-continue").hidden = state !== "paused" && state !== "left";
    byId("live-stop").toggleAttribute("disabled", state === "asking" || state === "finishing");
    byId("live-state").textContent = title;
    this.#wakeLock.set(state === "on" || state === "finishing");
    document.title = title ? `${title} · Whisper Appliance` : this.#pageTitle;
    if (["on", "paused", "left", "finishing"].includes(state)) announce(title);
    this.#update();
  }

  /** Sends what waits, and shows time, facts and status line. Called four times a second. */
  #update() {
    if (this.#state === "off" || this.#state === "problem") return;
    const session = this.#session;
    session?.pump();
    const pausedFor = performance.now() - this.#pausedAt;
    if (this.#state === "paused" && pausedFor > DETACH_AFTER_PAUSE_MILLISECONDS) void session?.pause();
    byId("live-time").textContent = clock((session?.queue.end ?? 0) * PACKET_SECONDS);
    this.#showFacts();
    byId("live-empty").hidden = this.#captions.count > 0 || Boolean(byId("live-words").textContent);
    byId("live-empty").textContent = this.#state === "on" ? t("Speak. The words appear here.") : "";
    this.#sharing.setSession(session?.ticket?.session ?? "");
    this.#showStatus();
  }

  #showFacts() {
    const { language = this.#detectedLanguage, model } = this.#startPayload;
    const lag = this.#session?.lagSeconds ?? 0;
    const isBehind = lag >= LAG_SECONDS && this.#state !== "paused";
    showFacts(byId("live-facts"), [
      this.#usesWebRtc && this.#state === "on" ? transportName(this.#session) : "",
      isBehind ? t("{lag} s behind", { lag: Math.round(lag) }) : "",
      language ? languageName(language) : t("Automatic language"),
      model ?? document.getElementById("model-name")?.textContent,
    ]);
  }

  #showStatus() {
    const status = statusOf(this.#state, this.#session, this.#waveform.silentLevels, this.#message);
    byId("live-note").hidden = !status.text;
    byId("live-note").dataset.kind = status.grave ? "grave" : "plain";
    byId("live-note-text").textContent = status.text;
    if (status.kind !== this.#statusKind && status.text) announce(status.text);
    this.#statusKind = status.kind;
  }
}
