/** The microphone, or the sound of a tab: opened, paused, changed, closed. What it gives comes in packets of 100 ms. */
import { canRecordChunks, Chunks } from "./mediarecorder-capture.js";
import { Samples } from "./pcm-capture.js";

const SCREEN = "screen";

/** @typedef {{onPacket: (packet: ArrayBuffer, levels: number[]) => void, onEnded: () => void}} Listener */

/** What can stop a recording before it begins: why, and what to do. */
export const OBSTACLES = /** @type {Record<string, [string, string]>} */ ({
  not_secure: [
    "This page needs HTTPS to listen",
    "Browsers let a page use the microphone only where the connection is secure. Open the appliance's https:// address, or ask its operator for it.",
  ],
  no_recorder: [
    "This browser can't record",
    "Update it, or use a current Chrome, Edge, Firefox or Safari. You can still drop a recording.",
  ],
  NotAllowedError: [
    "The microphone is not allowed",
    "Your browser keeps it from this page. Allow it in the site settings, at the left of the address, then try again.",
  ],
  screenRefused: [
    "Nothing was shared",
    "Choose a tab, a window or a screen in your browser's dialog, and switch its sound on.",
  ],
  no_shared_sound: [
    "No sound was shared",
    "What you chose came without its sound. Try again and switch the sound on in the dialog; a tab always has it.",
  ],
  NotFoundError: [
    "No microphone was found",
    "Connect one, or switch it on in the system's settings, then try again.",
  ],
  NotReadableError: [
    "The microphone can't be opened",
    "Another program may be using it. Close that program, then try again.",
  ],
  OverconstrainedError: ["That microphone is gone", "Choose another one, then try again."],
});

export class Obstacle extends Error {
  /** @param {string} code One of `OBSTACLES`, or the name of what the browser threw. */
  constructor(code) {
    super(code);
    this.code = code;
    [this.title, this.advice] = OBSTACLES[code] ?? [
      "The recording could not begin",
      `The browser says: ${code}. Try again, or choose another microphone.`,
    ];
  }
}

/** Whether the sound of a tab or screen can be had in this browser. */
export const canShareScreen = () =>
  "getDisplayMedia" in (navigator.mediaDevices ?? {}) && !/Mobi|Android/.test(navigator.userAgent);

/** @returns {Promise<{id: string, label: string}[]>} What can be listened to; microphones have names once one was allowed. */
export async function sources() {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const named = devices.filter(
    ({ kind, label, deviceId }) =>
      kind === "audioinput" && label && !["default", "communications"].includes(deviceId),
  );
  const microphones = named.map(({ deviceId, label }) => ({ id: deviceId, label }));
  const shared = canShareScreen() ? [{ id: SCREEN, label: "Sound of a tab or screen" }] : [];
  return [{ id: "", label: "Default microphone" }, ...microphones, ...shared];
}

/** @param {string} source @returns {Promise<MediaStream>} */
async function openStream(source) {
  if (source === SCREEN) {
    const audio = { suppressLocalAudioPlayback: false };
    const stream = await navigator.mediaDevices.getDisplayMedia({ audio, video: true });
    if (stream.getAudioTracks().length) return stream;
    for (const track of stream.getTracks()) track.stop();
    throw new Obstacle("no_shared_sound");
  }
  return navigator.mediaDevices.getUserMedia({ audio: source ? { deviceId: { exact: source } } : true });
}

export class Recorder {
  /** @type {MediaStream | undefined} */
  #stream;
  /** @type {Chunks | Samples | undefined} */
  #taker;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  /** What the packets are, by the names of `live:start`. */
  get format() {
    return this.#taker?.format ?? "pcm_s16le";
  }

  /** What a new recording has to begin with, where its packets cannot be read without. */
  get head() {
    return this.#taker?.head ?? null;
  }

  /** Begins to listen. @param {string} source Of `sources`. Throws an `Obstacle`. */
  async open(source) {
    if (!isSecureContext || !navigator.mediaDevices) throw new Obstacle("not_secure");
    const whole = "AudioWorkletNode" in window;
    if (!whole && !canRecordChunks()) throw new Obstacle("no_recorder");
    try {
      this.#hear(await openStream(source));
      this.#taker = new (whole ? Samples : Chunks)(this.listener.onPacket);
      await this.#taker.listen(/** @type {MediaStream} */ (this.#stream));
    } catch (error) {
      this.#release();
      throw error instanceof Obstacle ? error : new Obstacle(nameOf(error, source));
    }
  }

  /** @param {MediaStream} stream */
  #hear(stream) {
    this.#stream = stream;
    for (const track of stream.getAudioTracks()) track.addEventListener("ended", this.listener.onEnded);
  }

  /** The microphone stays open, but nothing of it is taken. */
  async pause() {
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = false;
    await this.#taker?.pause();
  }

  async resume() {
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = true;
    await this.#taker?.resume();
  }

  /** Listens to something else from now on; when that fails, it goes on as before. @param {string} source */
  async change(source) {
    try {
      const next = await openStream(source);
      await this.#taker?.listen(next);
      this.#letGo();
      this.#hear(next);
    } catch (error) {
      throw error instanceof Obstacle ? error : new Obstacle(nameOf(error, source));
    }
  }

  /** Ends, when the last packet is out. */
  async close() {
    await this.#taker?.finish();
    this.#release();
  }

  #letGo() {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.listener.onEnded);
      track.stop();
    }
    this.#stream = undefined;
  }

  #release() {
    this.#letGo();
    this.#taker?.release();
    this.#taker = undefined;
  }
}

/** @param {unknown} error @param {string} source */
function nameOf(error, source) {
  const { name } = /** @type {Error} */ (error);
  return name === "NotAllowedError" && source === SCREEN ? "screenRefused" : name;
}
