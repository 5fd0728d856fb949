/** Audio capture from a microphone, or from the sound of a tab or screen, in packets of 100 ms. */
import { t } from "../core/i18n.js";
import { canRecord, MediaRecorderCapture } from "./mediarecorder-capture.js";
import { PcmCapture } from "./pcm-capture.js";

const SCREEN = "screen";

/** @typedef {{onPacket: import("./pcm-capture.js").OnPacket, onEnded: () => void}} Listener */

/** @type {Record<string, [string, string]>} Why no capture can begin, and what to do, by the error's code. */
const CAPTURE_ERRORS = {
  not_secure: [
    t("This page needs HTTPS to listen"),
    t(
      "Browsers let a page use the microphone only where the connection is secure. Open the appliance's https:// address, or ask its operator for it.",
    ),
  ],
  no_recorder: [
    t("This browser can't record"),
    t("Update it, or use a current Chrome, Edge, Firefox or Safari. You can still drop a recording."),
  ],
  NotAllowedError: [
    t("The microphone is not allowed"),
    t(
      "Your browser keeps it from this page. Allow it in the site settings, at the left of the address, then try again.",
    ),
  ],
  screenRefused: [
    t("Nothing was shared"),
    t("Choose a tab, a window or a screen in your browser's dialog, and switch its sound on."),
  ],
  no_shared_sound: [
    t("No sound was shared"),
    t(
      "What you chose came without its sound. Try again and switch the sound on in the dialog; a tab always has it.",
    ),
  ],
  NotFoundError: [
    t("No microphone was found"),
    t("Connect one, or switch it on in the system's settings, then try again."),
  ],
  NotReadableError: [
    t("The microphone can't be opened"),
    t("Another program may be using it. Close that program, then try again."),
  ],
  OverconstrainedError: [t("That microphone is gone"), t("Choose another one, then try again.")],
};

export class CaptureError extends Error {
  /** @param {string} code Of `CAPTURE_ERRORS`, or the name of the browser's error. */
  constructor(code) {
    super(code);
    this.code = code;
    const unexpected = t("The browser says: {code}. Try again, or choose another microphone.", { code });
    const [title, advice] = CAPTURE_ERRORS[code] ?? [t("The recording could not begin"), unexpected];
    this.title = title;
    this.advice = advice;
  }
}

/** @param {unknown} error @param {string} source @returns {CaptureError} */
export function captureError(error, source) {
  if (error instanceof CaptureError) return error;
  const { name } = /** @type {Error} */ (error);
  return new CaptureError(name === "NotAllowedError" && source === SCREEN ? "screenRefused" : name);
}

const canShareScreen = () =>
  "getDisplayMedia" in (navigator.mediaDevices ?? {}) && !/Mobi|Android/.test(navigator.userAgent);

/** @param {string} source @returns {Promise<boolean>} Whether it opens without a question to the person. */
export async function hasPermission(source) {
  if (source === SCREEN) return false;
  const name = /** @type {PermissionName} */ ("microphone");
  const permission = await navigator.permissions?.query({ name }).catch(() => null);
  return permission?.state === "granted";
}

/** @returns {Promise<{id: string, label: string}[]>} Browsers name microphones only after one was allowed. */
export async function listSources() {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const named = devices.filter(
    ({ kind, label, deviceId }) =>
      kind === "audioinput" && label && !["default", "communications"].includes(deviceId),
  );
  const microphones = named.map(({ deviceId, label }) => ({ id: deviceId, label }));
  const shared = canShareScreen() ? [{ id: SCREEN, label: t("Sound of a tab or screen") }] : [];
  return [{ id: "", label: t("Default microphone") }, ...microphones, ...shared];
}

/** Opens a source without capturing it. @param {string} source Of `listSources`. @returns {Promise<MediaStream>} Throws a `CaptureError`. */
export async function openSource(source) {
  if (!isSecureContext || !navigator.mediaDevices) throw new CaptureError("not_secure");
  if (!("MediaRecorder" in window)) throw new CaptureError("no_recorder");
  return openStream(source);
}

/** @param {string} source Of `listSources`. @returns {Promise<MediaStream>} */
async function openStream(source) {
  if (source !== SCREEN) {
    return navigator.mediaDevices.getUserMedia({ audio: source ? { deviceId: { exact: source } } : true });
  }
  const audio = /** @type {MediaTrackConstraints} */ ({ suppressLocalAudioPlayback: false });
  const stream = await navigator.mediaDevices.getDisplayMedia({ audio, video: true });
  if (stream.getAudioTracks().length) return stream;
  for (const track of stream.getTracks()) track.stop();
  throw new CaptureError("no_shared_sound");
}

export class Microphone {
  /** @type {MediaStream | undefined} */
  #stream;
  /** @type {MediaRecorderCapture | PcmCapture | undefined} */
  #capture;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  /** The format of the packets, by the names of `live:start`. */
  get format() {
    return this.#capture?.format ?? "pcm_s16le";
  }

  /** The packet that a new session has to begin with, where later ones cannot be decoded without it. */
  get head() {
    return this.#capture?.head ?? null;
  }

  /** The track for WebRTC, if one was requested and this browser can make it. */
  get transmissionSource() {
    return this.#capture instanceof PcmCapture ? this.#capture.source : null;
  }

  /** Begins to capture. @param {string} source Of `listSources`. @param {boolean} [hasTrack] Whether a track for WebRTC is made, too. Throws a `CaptureError`. */
  async open(source, hasTrack = false) {
    if (!isSecureContext || !navigator.mediaDevices) throw new CaptureError("not_secure");
    const hasWorklet = "AudioWorkletNode" in window;
    if (!hasWorklet && !canRecord()) throw new CaptureError("no_recorder");
    try {
      const { onPacket } = this.listener;
      this.#capture = hasWorklet ? new PcmCapture(onPacket, hasTrack) : new MediaRecorderCapture(onPacket);
      if (this.#capture instanceof PcmCapture) this.#capture.prepare(); // before anything is said
      const stream = await openStream(source);
      this.#setStream(stream);
      await this.#capture.capture(stream);
    } catch (error) {
      this.#release();
      throw captureError(error, source);
    }
  }

  /** @param {MediaStream} stream */
  #setStream(stream) {
    this.#stream = stream;
    for (const track of stream.getAudioTracks()) track.addEventListener("ended", this.listener.onEnded);
  }

  /** The microphone stays open, but nothing of it is captured. */
  async pause() {
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = false;
    await this.#capture?.pause();
  }

  async resume() {
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = true;
    await this.#capture?.resume();
  }

  /** Captures another source from now on; if that fails, the old one stays. @param {string} source */
  async change(source) {
    try {
      const stream = await openStream(source);
      await this.#capture?.capture(stream);
      this.#stopStream();
      this.#setStream(stream);
    } catch (error) {
      throw captureError(error, source);
    }
  }

  /** Resolves when the last packet was delivered. */
  async close() {
    await this.#capture?.finish();
    this.#release();
  }

  #stopStream() {
    for (const track of this.#stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.listener.onEnded);
      track.stop();
    }
    this.#stream = undefined;
  }

  #release() {
    this.#stopStream();
    this.#capture?.release();
    this.#capture = undefined;
  }
}
