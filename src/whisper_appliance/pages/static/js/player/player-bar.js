/** The player at the bottom of a transcript: controls, waveform, what is kept until when, and the keys for it. */

import { buttonById, byId, inputById, selectById } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";
import { startMediaSession } from "./media-session.js";
import { fetchPeaks } from "./peaks.js";
import { MAX_RATE, MIN_RATE, Player } from "./player.js";
import { Waveform } from "./waveform.js";

const BACK_SECONDS = 5;
const FORWARD_SECONDS = 15;
const RATE_KEY = "player-rate";
const RATE_STEP = 0.25;

/**
 * @typedef {{audio: string, peaks: string, subtitles: string}} Addresses
 * @typedef {{media_type: string, bytes: number, delete_at: string | null}} Recording
 * @typedef {{title: string, duration: number, recording?: Recording | null}} Heard
 * @typedef {import("../ui/shortcuts.js").Shortcuts} Shortcuts
 */

export class PlayerBar {
  #title = "";
  #duration = 0;
  /** @type {number | null} Where a passage begins that has no end yet. */
  #passageStart = null;
  /** The address of what is loaded; empty for a file of this device. */
  #loaded = "";
  #isSecondTry = false;

  /** @param {Addresses} addresses */
  constructor(addresses) {
    this.addresses = addresses;
    const media = /** @type {HTMLVideoElement} */ (byId("player-media"));
    this.player = new Player(media);
    this.waveform = new Waveform(byId("player-slider"), {
      onSeek: (seconds) => this.player.seek(seconds),
      onPassage: (passage) => this.#repeat(passage),
    });
    media.addEventListener("loadedmetadata", () => this.#onLoaded(media));
    media.addEventListener("error", () => this.#onError());
    this.player.addEventListener("time", () => this.#showTime());
    this.player.addEventListener("state", () => this.#showState());
    this.player.addEventListener("missing", () => byId("player-choose").focus());
    this.#wireControls();
    this.player.rate = readStored(RATE_KEY, 1);
    startMediaSession(this.player, () => this.#title);
  }

  /** Shows the recording of a transcript, or that it is not kept. @param {Heard} transcript */
  show({ title, duration, recording }) {
    this.#title = title;
    this.#duration = duration;
    const isPlayable = Boolean(recording?.media_type);
    if (isPlayable && this.#loaded !== this.addresses.audio) {
      this.#loaded = this.addresses.audio;
      this.player.load(this.addresses.audio);
    } else if (!isPlayable && this.#loaded) {
      this.#loaded = "";
      this.player.unload();
    }
    byId("player-none-text").textContent = recording
      ? t("Browsers cannot play this recording. A copy that they can play may still be in the making.")
      : t(
          "The recording is not kept. You can listen to a file that you still have; it stays in this browser.",
        );
    byId("player").hidden = false;
    this.#showState();
    this.#showTime();
    void fetchPeaks(this.addresses.peaks).then((peaks) => this.waveform.setPeaks(peaks));
  }

  /** Stops, and takes the player off the page. */
  hide() {
    this.player.pause();
    byId("player").hidden = true;
  }

  /** Keys of the player, for the page and its list of shortcuts. @param {Shortcuts} shortcuts */
  addKeys(shortcuts) {
    const { player } = this;
    shortcuts.add({
      " ": () => player.toggle(),
      k: () => player.toggle(),
      ArrowLeft: () => player.skip(-BACK_SECONDS),
      ArrowRight: () => player.skip(BACK_SECONDS),
      "Shift+ArrowLeft": () => player.skip(-FORWARD_SECONDS),
      "Shift+ArrowRight": () => player.skip(FORWARD_SECONDS),
      "<": () => this.#changeRate(-RATE_STEP),
      ">": () => this.#changeRate(RATE_STEP),
      r: () => this.#stepRepeat(),
    });
  }

  #wireControls() {
    const { player } = this;
    byId("player-play").addEventListener("click", () => player.toggle());
    byId("player-back").addEventListener("click", () => player.skip(-BACK_SECONDS));
    byId("player-forward").addEventListener("click", () => player.skip(FORWARD_SECONDS));
    byId("player-repeat").addEventListener("click", () => this.#stepRepeat());
    selectById("player-rate").addEventListener("change", () => {
      this.#setRate(Number(selectById("player-rate").value));
    });
    const file = inputById("player-file");
    for (const id of ["player-open", "player-choose"]) byId(id).addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      file.value = ""; // the same file can be chosen again
      if (!chosen) return;
      this.playFile(chosen);
      byId("player-play").focus();
    });
  }

  /** Plays a file of this computer, which is not sent anywhere. @param {File} file */
  playFile(file) {
    this.#loaded = "";
    this.player.load(file);
    /** @type {HTMLDetailsElement} */ (byId("player-menu")).open = false;
  }

  /** The recording may have been replaced by a smaller one, or deleted, or the file is none to play. */
  #onError() {
    if (!this.player.hasRecording) return;
    const at = this.player.currentSeconds;
    if (this.#loaded && !this.#isSecondTry) {
      this.#isSecondTry = true;
      this.player.load(this.#loaded);
      this.player.seek(at);
      return;
    }
    byId("player-none-text").textContent = this.#loaded
      ? t("The recording cannot be played now. It may have been deleted; load this page again to see.")
      : t("This browser cannot play that file.");
    this.#loaded = "";
    this.player.unload();
  }

  /** @param {HTMLVideoElement} media */
  #onLoaded(media) {
    this.#isSecondTry = false;
    const hasPicture = media.videoWidth > 0;
    byId("player-picture").hidden = !hasPicture;
    if (hasPicture && !media.querySelector("track")) {
      const track = document.createElement("track");
      track.kind = "subtitles";
      track.src = this.addresses.subtitles;
      track.label = t("Transcript");
      track.default = true;
      media.append(track);
    }
    this.#showTime();
  }

  /** @param {number} rate */
  #setRate(rate) {
    this.player.rate = rate;
    writeStored(RATE_KEY, this.player.rate);
  }

  /** @param {number} by */
  #changeRate(by) {
    this.#setRate(Math.min(MAX_RATE, Math.max(MIN_RATE, this.player.rate + by)));
  }

  /** One press marks the start of a passage, the next one its end, the third one ends the repetition. */
  #stepRepeat() {
    const now = this.player.currentSeconds;
    if (this.player.repeated) this.#repeat(null);
    else if (this.#passageStart === null) this.#passageStart = now;
    else if (now > this.#passageStart) this.#repeat({ start: this.#passageStart, end: now });
    else this.#passageStart = null;
    this.#showState();
  }

  /** @param {import("./player.js").Passage | null} passage */
  #repeat(passage) {
    this.#passageStart = null;
    this.player.repeated = passage;
    if (this.player.repeated) this.player.play(this.player.repeated.start);
  }

  #showTime() {
    const duration = this.player.duration || this.#duration;
    byId("player-time").textContent = clock(this.player.currentSeconds);
    byId("player-duration").textContent = clock(duration);
    this.waveform.setTime(this.player.currentSeconds, duration);
  }

  #showState() {
    const { isPlaying, hasRecording, rate, repeated } = this.player;
    const bar = byId("player");
    bar.dataset.state = !hasRecording ? "empty" : isPlaying ? "playing" : "paused";
    byId("player-controls").hidden = !hasRecording;
    byId("player-none").hidden = hasRecording;
    byId("player-slider").toggleAttribute("aria-disabled", !hasRecording);
    byId("player-play-label").textContent = isPlaying ? t("Pause") : t("Play");
    buttonById("player-play").title = isPlaying ? t("Pause") : t("Play");
    showRate(selectById("player-rate"), rate);
    this.waveform.setPassage(repeated);
    const label = repeated
      ? t("Stop repeating")
      : this.#passageStart === null
        ? t("Repeat from here")
        : t("Repeat from {start} to here", { start: clock(this.#passageStart) });
    const repeat = byId("player-repeat");
    byId("player-repeat-label").textContent = label;
    repeat.title = label;
    repeat.setAttribute("aria-pressed", String(Boolean(repeated)));
    repeat.dataset.marking = String(this.#passageStart !== null);
  }
}

/** @param {HTMLSelectElement} select @param {number} rate One that the list does not have is added. */
function showRate(select, rate) {
  const value = String(rate);
  if (![...select.options].some((option) => option.value === value)) {
    select.add(new Option(`${value} ×`, value));
  }
  select.value = value;
}

/** The second in the address (`?t=83` or `#t=83`), or null. @param {URL} address @returns {number | null} */
export function secondsInAddress(address) {
  const given = address.searchParams.get("t") ?? /^#t=(.+)$/.exec(address.hash)?.[1];
  if (!given) return null;
  const seconds = Number(given.replace(/s$/, ""));
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
