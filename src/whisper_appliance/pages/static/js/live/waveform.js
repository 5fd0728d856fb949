/** The picture of the last seconds of sound: thin bars, the newest at the right, and a meter of the present loudness. */

const BAR_PIXELS = 3;
const GAP_PIXELS = 2;
const FLOOR_DECIBELS = -54;
const FALL = 0.8;
const QUIET = 0.003;

/** @param {number} level Linear, from 0 to 1. @returns {number} As loud as it seems, from 0 to 1. */
function seeming(level) {
  return level > 0 ? Math.max(0, 1 - (20 * Math.log10(level)) / FLOOR_DECIBELS) : 0;
}

export class Wave {
  /** @type {number[]} */
  #bars = [];
  #shown = 0;
  /** For how many levels nothing at all was heard. */
  quiet = 0;

  /** @param {HTMLCanvasElement} canvas @param {HTMLMeterElement} meter */
  constructor(canvas, meter) {
    this.canvas = canvas;
    this.meter = meter;
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  #fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.#draw();
  }

  /** @param {number[]} levels The peaks of the newest sound. */
  add(levels) {
    for (const level of levels) {
      this.quiet = level < QUIET ? this.quiet + 1 : 0;
      this.#bars.push(seeming(level));
      this.#shown = Math.max(seeming(level), this.#shown * FALL);
    }
    this.#bars.splice(0, this.#bars.length - 400);
    this.meter.value = this.#shown;
    this.#draw();
  }

  /** Nothing is being heard. */
  rest() {
    this.meter.value = this.#shown = 0;
    this.quiet = 0;
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
    const thick = BAR_PIXELS * devicePixelRatio;
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(this.canvas).color;
    for (let index = 0, x = width - thick; x >= 0; index += 1, x -= step) {
      const tall = Math.max(thick, (this.#bars.at(-1 - index) ?? 0) * height);
      pen.globalAlpha = this.#bars.length > index ? 1 : 0.35;
      pen.beginPath();
      pen.roundRect(x, (height - tall) / 2, thick, tall, thick / 2);
      pen.fill();
    }
  }
}
