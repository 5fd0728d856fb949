/** The waveform of the player: a slider over the whole recording, with a mark for the passage that is repeated. */

import { slot } from "../core/dom.js";
import { clock } from "../core/format.js";
import { t } from "../core/i18n.js";
import { barHeights, barsPath } from "./peaks.js";

const BAR_PIXELS = 3;
const STEP_SECONDS = 5;
const LARGE_STEP_SECONDS = 15;

/**
 * @typedef {import("./player.js").Passage} Passage
 * @typedef {import("./peaks.js").Peaks} Peaks
 */

export class Waveform {
  /** @type {Peaks | null} */
  #peaks = null;
  #seconds = 0;
  #duration = 0;
  #bars = 0;
  /** @type {number | null} The second at which a passage is begun with Shift and a drag. */
  #markedFrom = null;

  /**
   * @param {HTMLElement} slider
   * @param {{onSeek: (seconds: number) => void, onPassage: (passage: Passage) => void}} listeners
   */
  constructor(slider, { onSeek, onPassage }) {
    this.slider = slider;
    this.onSeek = onSeek;
    this.onPassage = onPassage;
    slider.addEventListener("keydown", (event) => this.#onKeyDown(event));
    slider.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    slider.addEventListener("pointermove", (event) => this.#onPointerMove(event));
    slider.addEventListener("pointerup", (event) => this.#onPointerUp(event));
    slider.addEventListener("pointerleave", () => {
      slot(slider, "pointer").hidden = true;
    });
    new ResizeObserver(() => this.#draw()).observe(slider);
  }

  /** @param {Peaks | null} peaks */
  setPeaks(peaks) {
    this.#peaks = peaks;
    this.#bars = 0;
    this.#draw();
  }

  /** @param {number} seconds @param {number} duration */
  setTime(seconds, duration) {
    this.#seconds = seconds;
    this.#duration = duration;
    const share = duration ? Math.min(1, seconds / duration) : 0;
    slot(this.slider, "played").style.clipPath = `inset(0 ${((1 - share) * 100).toFixed(3)}% 0 0)`;
    slot(this.slider, "head").style.left = `${(share * 100).toFixed(3)}%`;
    this.slider.setAttribute("aria-valuemax", String(Math.round(duration)));
    this.slider.setAttribute("aria-valuenow", String(Math.round(seconds)));
    this.slider.setAttribute(
      "aria-valuetext",
      t("{position} of {duration}", { position: clock(seconds), duration: clock(duration) }),
    );
  }

  /** @param {Passage | null} passage */
  setPassage(passage) {
    const mark = slot(this.slider, "passage");
    mark.hidden = !passage || !this.#duration;
    if (!passage || !this.#duration) return;
    mark.style.left = `${(passage.start / this.#duration) * 100}%`;
    mark.style.width = `${((passage.end - passage.start) / this.#duration) * 100}%`;
  }

  #draw() {
    const bars = Math.max(1, Math.floor(this.slider.clientWidth / BAR_PIXELS));
    if (bars === this.#bars) return;
    this.#bars = bars;
    const heights = this.#peaks ? barHeights(this.#peaks, bars) : Array.from({ length: bars }, () => 0);
    for (const name of ["all", "played"]) {
      const svg = slot(this.slider, name);
      svg.setAttribute("viewBox", `0 -1 ${bars} 2`);
      svg.querySelector("path")?.setAttribute("d", barsPath(heights));
    }
  }

  /** @param {PointerEvent} event @returns {number} The second under the pointer. */
  #secondAt(event) {
    const { left, width } = this.slider.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.#duration;
  }

  /** @param {PointerEvent} event */
  #onPointerDown(event) {
    if (event.button !== 0) return;
    this.slider.setPointerCapture(event.pointerId);
    if (event.shiftKey) this.#markedFrom = this.#secondAt(event);
    else this.onSeek(this.#secondAt(event));
  }

  /** @param {PointerEvent} event */
  #onPointerMove(event) {
    const seconds = this.#secondAt(event);
    const pointer = slot(this.slider, "pointer");
    pointer.hidden = event.pointerType === "touch";
    pointer.textContent = clock(seconds);
    pointer.style.left = `${this.#duration ? (seconds / this.#duration) * 100 : 0}%`;
    if (!this.slider.hasPointerCapture(event.pointerId)) return;
    if (this.#markedFrom === null) this.onSeek(seconds);
    else this.setPassage(ordered(this.#markedFrom, seconds));
  }

  /** @param {PointerEvent} event */
  #onPointerUp(event) {
    if (this.#markedFrom === null) return;
    this.onPassage(ordered(this.#markedFrom, this.#secondAt(event)));
    this.#markedFrom = null;
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    const now = this.#seconds;
    const step = event.shiftKey ? LARGE_STEP_SECONDS : STEP_SECONDS;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowRight: now + step,
      ArrowUp: now + step,
      ArrowLeft: now - step,
      ArrowDown: now - step,
      PageUp: now + LARGE_STEP_SECONDS,
      PageDown: now - LARGE_STEP_SECONDS,
      Home: 0,
      End: this.#duration,
    };
    const target = targets[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.onSeek(target);
  }
}

/** @param {number} one @param {number} other @returns {Passage} */
function ordered(one, other) {
  return { start: Math.min(one, other), end: Math.max(one, other) };
}
