/** The player of a recording: an audio or video element that can play a passage, repeat one, and reports its time. */

export const MIN_RATE = 0.5;
export const MAX_RATE = 3;

/**
 * @typedef {{start: number, end: number}} Passage Seconds.
 * @typedef {CustomEvent<{seconds: number}>} TimeEvent
 */

/**
 * Events: "time" (a `TimeEvent`) at each frame while it plays and after a seek; "state" when it starts, stops, or
 * when rate, repeated passage or recording change; "missing" when somebody wants to hear a recording that is not there.
 */
export class Player extends EventTarget {
  /** @type {number | null} */
  #stopAt = null;
  /** @type {Passage | null} */
  #repeated = null;
  #hasRecording = false;
  #frame = 0;
  #objectUrl = "";

  /** @param {HTMLMediaElement} [media] */
  constructor(media = new Audio()) {
    super();
    this.media = media;
    media.preservesPitch = true;
    for (const kind of ["play", "pause", "ended", "ratechange", "durationchange", "error", "volumechange"])
      media.addEventListener(kind, () => this.#onState());
    media.addEventListener("timeupdate", () => this.#onTime());
    media.addEventListener("seeked", () => this.#onTime());
  }

  /** @param {string | Blob} source An address, or a file of this computer. */
  load(source) {
    URL.revokeObjectURL(this.#objectUrl);
    this.#objectUrl = typeof source === "string" ? "" : URL.createObjectURL(source);
    this.media.src = typeof source === "string" ? source : this.#objectUrl;
    this.#hasRecording = true;
    this.#onState();
  }

  /** Takes the recording away. */
  unload() {
    this.pause();
    this.media.removeAttribute("src");
    this.#hasRecording = false;
    this.#onState();
  }

  /** Whether there is a recording to play. */
  get hasRecording() {
    return this.#hasRecording;
  }

  /** The length in seconds; 0 until the browser has read it. */
  get duration() {
    return Number.isFinite(this.media.duration) ? this.media.duration : 0;
  }

  get currentSeconds() {
    return this.media.currentTime;
  }

  get isPlaying() {
    return this.#hasRecording && !this.media.paused && !this.media.ended;
  }

  get rate() {
    return this.media.playbackRate;
  }

  set rate(wanted) {
    const rate = Math.min(MAX_RATE, Math.max(MIN_RATE, wanted));
    this.media.defaultPlaybackRate = rate; // a new source starts with it
    this.media.playbackRate = rate;
  }

  /** The passage that is repeated, or null. */
  get repeated() {
    return this.#repeated;
  }

  set repeated(passage) {
    this.#repeated = passage && passage.end > passage.start ? passage : null;
    this.#stopAt = null;
    this.#onState();
  }

  /**
   * Plays from here, or from a second; up to another second, if one is given.
   * @param {number} [startSeconds] @param {number} [endSeconds]
   */
  play(startSeconds, endSeconds) {
    if (!this.#hasRecording) {
      this.dispatchEvent(new Event("missing"));
      return;
    }
    if (startSeconds !== undefined) this.#goTo(startSeconds);
    this.#stopAt = endSeconds ?? null;
    this.media.play().catch(() => this.#onState()); // the browser may want a click first, or cannot play it
  }

  pause() {
    this.#stopAt = null;
    this.media.pause();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.#stopAt = null;
    this.#goTo(seconds);
  }

  /** @param {number} seconds Forward, or back where it is negative. */
  skip(seconds) {
    this.seek(this.currentSeconds + seconds);
  }

  /** @param {number} seconds */
  #goTo(seconds) {
    const last = this.duration || Number.MAX_SAFE_INTEGER;
    const wanted = Math.min(last, Math.max(0, seconds));
    if (this.#repeated && (wanted < this.#repeated.start || wanted >= this.#repeated.end))
      this.repeated = null; // somebody left the passage
    this.media.currentTime = wanted;
    this.#report();
  }

  #onTime() {
    const now = this.media.currentTime;
    if (this.#repeated && now >= this.#repeated.end) this.media.currentTime = this.#repeated.start;
    else if (this.#stopAt !== null && now >= this.#stopAt) this.pause();
    this.#report();
  }

  #report() {
    this.dispatchEvent(new CustomEvent("time", { detail: { seconds: this.media.currentTime } }));
  }

  #onState() {
    cancelAnimationFrame(this.#frame);
    if (this.isPlaying) this.#frame = requestAnimationFrame(() => this.#onFrame());
    this.dispatchEvent(new Event("state"));
  }

  #onFrame() {
    if (!this.isPlaying) return;
    this.#onTime();
    this.#frame = requestAnimationFrame(() => this.#onFrame());
  }
}
