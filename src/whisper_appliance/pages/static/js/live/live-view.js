/** The live view: what is said, as it is said. */
import { announce, byId, showFacts } from "../core/dom.js";
import { clock, languageName } from "../core/format.js";
import { Obstacle, Recorder, sources } from "./microphone.js";
import { stayAwake } from "./wake-lock.js";
import { Follow } from "../ui/autoscroll.js";
import { forgetSession, leftSession, LiveSession } from "./live-session.js";
import { Share } from "./caption-sharing.js";
import { noteOf } from "./status-line.js";
import { Wave } from "./waveform.js";
import { LiveWords } from "./caption-view.js";
import { PACKET_SECONDS } from "./send-queue.js";
import { offerSources } from "./live-launcher.js";
import { recall, remember } from "../core/storage.js";

const LOOK_MILLISECONDS = 250;
const LEAVE_AFTER_PAUSE_MILLISECONDS = 20_000;
const UNSENT_SECONDS = 1;
const LAG_SECONDS = 3;
const TITLES = /** @type {Record<string, string>} */ ({
  asking: "Waiting for the microphone",
  on: "Listening",
  paused: "Paused",
  left: "Interrupted",
  finishing: "Finishing",
});

/** @typedef {"off" | "asking" | "on" | "paused" | "left" | "finishing" | "problem"} State */

class Live {
  /** @type {State} */
  state = "off";
  /** @type {LiveSession | null} */
  session = null;
  #wishes = /** @type {Record<string, any>} */ ({});
  #source = "";
  #needsMicrophone = false;
  #pausedAt = 0;
  #message = "";
  #noteKind = "";
  #wasTitle = document.title;
  #retry = () => {};
  #recorder = new Recorder({
    onPacket: (pcm, levels) => this.#heard(pcm, levels),
    onEnded: () => void this.#lostMicrophone(),
  });
  #follow = new Follow(byId("live-box"), byId("live-newest"));
  #words = new LiveWords(byId("live-words"), () => this.#follow.grown());
  #wave = new Wave(byId("live-wave"), byId("live-level"));
  #share = new Share();
  #select = /** @type {HTMLSelectElement} */ (byId("live-source"));

  constructor() {
    byId("live-stop").addEventListener("click", () => void this.stop());
    byId("live-pause").addEventListener("click", () => void this.pause());
    byId("live-continue").addEventListener("click", () => void this.goOn());
    byId("live-retry").addEventListener("click", () => this.#retry());
    byId("live-back").addEventListener("click", () => this.#leave());
    this.#select.addEventListener("change", () => void this.#changeSource());
    window.addEventListener("beforeunload", (event) => {
      if ((this.session?.outbox.waitingSeconds ?? 0) > UNSENT_SECONDS) event.preventDefault();
    });
    navigator.mediaDevices?.addEventListener(
      "devicechange",
      () => this.state !== "off" && void this.#offerSources(),
    );
    setInterval(() => this.#look(), LOOK_MILLISECONDS);
  }

  /** @param {string} source @param {Record<string, any>} wishes */
  async start(source, wishes) {
    if (!["off", "problem"].includes(this.state)) return;
    [this.#source, this.#wishes] = [source, wishes];
    this.#words.clear();
    this.#wave.clear();
    this.#message = "";
    this.#to("asking");
    if (!(await this.#openMicrophone(() => void this.start(source, wishes)))) return;
    this.#begin(null);
    this.#to("on");
  }

  /** Shows what was said before the page was left, and offers to go on. @param {Record<string, any>} wishes */
  takeUp(wishes) {
    this.#wishes = wishes;
    this.#source = recall("live-source", "");
    void this.#offerSources();
    this.#to("left");
    this.#begin(leftSession());
  }

  /** @param {(() => void)} retry @returns {Promise<boolean>} */
  async #openMicrophone(retry) {
    try {
      await this.#recorder.open(this.#source);
    } catch (error) {
      const { title, advice, code } = /** @type {Obstacle} */ (error);
      this.#fail(title, advice, code, retry);
      return false;
    }
    this.#needsMicrophone = false;
    this.#wishes.format = this.#recorder.format;
    await this.#offerSources();
    return true;
  }

  async #offerSources() {
    offerSources(this.#select, await sources());
    this.#select.value = this.#source;
    if (this.#select.selectedIndex < 0) this.#select.value = this.#source = "";
  }

  /** @param {import("./live-session.js").Ticket | null} ticket */
  #begin(ticket) {
    this.session?.close();
    this.session = new LiveSession(this.#wishes, this.#listener(), ticket);
    this.session.recording = !ticket;
  }

  /** @returns {import("./live-session.js").Listener} */
  #listener() {
    return {
      onEvent: (kind, payload) => this.#take(kind, payload),
      onSnapshot: (snapshot) => {
        this.#words.show(snapshot);
        if (this.state === "left") void Promise.resolve().then(() => this.#rest());
      },
      onRefused: (refusal) => this.#refused(refusal),
      onAnew: () =>
        this.#words.beginAnew(
          "The appliance had ended the recording. What was said since then goes into a second transcript.",
        ),
    };
  }

  /** A session that was left is left again at once, until somebody decides: so it has all its time. */
  #rest() {
    setTimeout(() => this.state === "left" && void this.session?.pause(), LOOK_MILLISECONDS);
  }

  /** @param {ArrayBuffer} packet @param {number[]} levels */
  #heard(packet, levels) {
    if (!this.session || !["on", "paused", "finishing"].includes(this.state)) return;
    const { head } = this.#recorder;
    if (head && head !== this.session.head && head !== packet) this.session.add(head); // it came before there was a session
    this.session.head = head;
    this.session.add(packet);
    if (this.state !== "paused") this.#wave.add(levels);
  }

  /** @param {string} kind @param {any} payload */
  #take(kind, payload) {
    this.#words.take(kind, payload);
    if (kind === "final") this.#wishes.heard = payload.language;
    if (kind === "error") this.#message = payload.message;
    if (kind === "end") void this.#ended(payload);
    this.#look();
  }

  /** @param {{transcript_id: string | null}} end */
  async #ended({ transcript_id: id }) {
    await this.#recorder.close();
    stayAwake(false);
    if (id) return location.assign(`/transcripts/${id}`);
    this.#fail(
      "Nothing was recorded",
      "No sound has reached the appliance, so there is no transcript.",
      "",
      () => void this.start(this.#source, this.#wishes),
    );
  }

  /** @param {import("./live-session.js").Refusal} refusal */
  #refused({ code, message }) {
    void this.#recorder.close();
    this.session?.close();
    const again = () => void this.start(this.#source, this.#wishes);
    if (code === "gone") {
      forgetSession();
      return this.#fail(
        "The recording has ended",
        "The appliance ended it when nothing came any more. What was said until then is in the history.",
        code,
        again,
      );
    }
    const titles = /** @type {Record<string, string>} */ ({
      busy: "No place is free",
      model_missing: "The model is not ready",
      disk_full: "The disk is full",
    });
    this.#fail(titles[code] ?? "The recording could not begin", message, code, again);
  }

  async stop() {
    if (this.state === "asking" || !this.session) return;
    this.#to("finishing");
    await this.#recorder.close();
    this.session.recording = false;
    this.session.stop();
    this.#wave.rest();
  }

  async pause() {
    if (this.state !== "on") return;
    this.#to("paused");
    this.#pausedAt = performance.now();
    await this.#recorder.pause();
    this.#wave.rest();
  }

  async goOn() {
    if (this.state !== "paused" && this.state !== "left") return;
    if (this.state === "left" || this.#needsMicrophone) {
      const before = this.state;
      if (!(await this.#openMicrophone(() => this.#to(before)))) return;
    } else await this.#recorder.resume();
    this.#message = "";
    if (this.session) this.session.recording = true;
    this.session?.resume();
    this.#to("on");
  }

  async #lostMicrophone() {
    await this.pause();
    await this.#recorder.close();
    this.#needsMicrophone = true;
    this.#message =
      "The sound has ended: the microphone is gone, or sharing was stopped. Choose a source, then continue.";
  }

  async #changeSource() {
    const before = this.#source;
    this.#source = this.#select.value;
    remember("live-source", this.#source);
    if (this.state !== "on") return void (this.#needsMicrophone = true);
    try {
      await this.#recorder.change(this.#source);
      this.#message = "";
    } catch (error) {
      this.#message = `${/** @type {Obstacle} */ (error).title}. The old source stays.`;
      this.#select.value = this.#source = before;
    }
  }

  /** @param {string} title @param {string} advice @param {string} code @param {() => void} retry */
  #fail(title, advice, code, retry) {
    this.#retry = retry;
    byId("live-problem-title").textContent = title;
    byId("live-problem-text").textContent = advice;
    byId("live-problem-code").textContent = code ? `Code ${code}` : "";
    byId("live-trust").hidden = code !== "not_secure";
    byId("live-retry").hidden = code === "not_secure"; // it would be no safer
    this.#to("problem");
    byId("live-problem-title").focus();
  }

  /** Back to the doors. */
  #leave() {
    this.session?.close();
    this.session = null;
    this.#to("off");
    byId("speak").focus();
  }

  /** @param {State} state */
  #to(state) {
    this.state = state;
    const on = state !== "off";
    byId("live").hidden = !on;
    byId("live").dataset.state = state;
    document.body.classList.toggle("live-on", on);
    byId("live-problem").hidden = state !== "problem";
    byId("live-work").hidden = state === "problem";
    byId("live-pause").hidden = state !== "on";
    byId("live-continue").hidden = state !== "paused" && state !== "left";
    byId("live-stop").toggleAttribute("disabled", state === "asking" || state === "finishing");
    byId("live-state").textContent = TITLES[state] ?? "";
    stayAwake(state === "on" || state === "finishing");
    document.title = on && TITLES[state] ? `${TITLES[state]} · Whisper Appliance` : this.#wasTitle;
    if (["on", "paused", "left", "finishing"].includes(state)) announce(TITLES[state]);
    this.#look();
  }

  /** Shows how things stand. */
  #look() {
    if (this.state === "off" || this.state === "problem") return;
    const { session } = this;
    session?.pump();
    if (this.state === "paused" && performance.now() - this.#pausedAt > LEAVE_AFTER_PAUSE_MILLISECONDS)
      void session?.pause();
    byId("live-time").textContent = clock((session?.outbox.end ?? 0) * PACKET_SECONDS);
    const language = this.#wishes.language ?? this.#wishes.heard;
    const lag =
      session && session.lagSeconds >= LAG_SECONDS && this.state !== "paused"
        ? `${Math.round(session.lagSeconds)} s behind`
        : "";
    const model = this.#wishes.model ?? document.getElementById("model-name")?.textContent;
    showFacts(byId("live-facts"), [lag, language ? languageName(language) : "Automatic language", model]);
    byId("live-empty").hidden = this.#words.count > 0 || Boolean(byId("live-words").textContent);
    byId("live-empty").textContent = this.state === "on" ? "Speak. The words appear here." : "";
    this.#share.of(session?.ticket?.session ?? "");
    const note = noteOf(this.state, session, this.#wave.quiet, this.#message);
    byId("live-note").hidden = !note.text;
    byId("live-note").dataset.kind = note.grave ? "grave" : "plain";
    byId("live-note-text").textContent = note.text;
    if (note.kind !== this.#noteKind && note.text) announce(note.text);
    this.#noteKind = note.kind;
  }
}

export const live = new Live();
