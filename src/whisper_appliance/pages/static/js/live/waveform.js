/** Waveform of the last seconds of audio: thin bars, the newest at the right; and a meter of the current level. */

const BAR_PIXELS = 3;
const GAP_PIXELS = 2;
const MAX_BARS = 400;
const FLOOR_DECIBELS = -54;
const DECAY = 0.8;
const SILENT_BELOW = 0.003;

/** @param {number} level Linear, from 0 to 1. @returns {number} On a scale of decibels, from 0 to 1. */
export function loudness(level) {
  return level > 0 ? Math.max(0, 1 - (20 * Math.log10(level)) / FLOOR_DECIBELS) : 0;
}

export class Waveform {
  /** @type {number[]} */
  #bars = [];
  #meterValue = 0;
  /** How many levels in a row were silent. */
  silentLevels = 0;

  /** @param {HTMLCanvasElement} canvas @param {HTMLMeterElement} meter */
  constructor(canvas, meter) {
    this.canvas = canvas;
    this.meter = meter;
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  #resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.#draw();
  }

  /** @param {number[]} levels Peaks of the newest audio, from 0 to 1. */
  add(levels) {
    for (const level of levels) {
      this.silentLevels = level < SILENT_BELOW ? this.silentLevels + 1 : 0;
      this.#bars.push(loudness(level));
      this.#meterValue = Math.max(loudness(level), this.#meterValue * DECAY);
    }
    this.#bars.splice(0, this.#bars.length - MAX_BARS);
    this.meter.value = this.#meterValue;
    this.#draw();
  }

  /** To be called when no more audio comes: the meter falls to 0, the bars stay. */
  rest() {
    this.#meterValue = 0;
    this.meter.value = 0;
    this.silentLevels = 0;
  }

  clear() {
    this.#bars = [];
    this.rest();
    this.#draw();
  }

  #draw() {
    const pen = this.canvas.getContext("2d");
    if (!pen || !this.canvas.width) return;
    const { width, height } = this.canvas;
    const step = (BAR_PIXELS + GAP_PIXELS) * devicePixelRatio;
    const barWidth = BAR_PIXELS * devicePixelRatio;
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(this.canvas).color;
    for (let index = 0, x = width - barWidth; x >= 0; index += 1, x -= step) {
      const barHeight = Math.max(barWidth, (this.#bars.at(-1 - index) ?? 0) * height);
      pen.globalAlpha = this.#bars.length > index ? 1 : 0.35;
      pen.beginPath();
      pen.roundRect(x, (height - barHeight) / 2, barWidth, barHeight, barWidth / 2);
      pen.fill();
    }
  }
}
