/**
 * Polyphase resampler: any sample rate to another, with a Kaiser-windowed sinc as low-pass filter.
 *
 * Output n lies at input time n · down / up. Each of the `up` phases that an output can have between two inputs has its
 * own row of filter taps (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983, chapter 4). With 24 zero
 * crossings a side and beta 9, aliasing is damped by 80 dB and more from 1.12 times the new Nyquist frequency on.
 */

const CROSSINGS = 24;
const BETA = 9;
const ROLL_OFF = 0.92;

/** @param {number} a @param {number} b @returns {number} */
function commonDivisor(a, b) {
  return b ? commonDivisor(b, a % b) : a;
}

/** @param {number} x @returns {number} The modified Bessel function I0, by its series. */
function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** The Kaiser window. @param {number} at From -1 to 1. */
function kaiser(at) {
  return Math.abs(at) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - at * at)) / bessel(BETA);
}

/** The taps of one phase. @param {number} shift Of the phase. @param {number} cutoff Share of the input's Nyquist frequency. @param {number} reach Inputs a side. */
function taps(shift, cutoff, reach) {
  const row = new Float32Array(2 * reach);
  for (let index = 0; index < row.length; index += 1) {
    const time = index - reach + 1 - shift;
    const x = Math.PI * cutoff * time;
    row[index] = cutoff * (x ? Math.sin(x) / x : 1) * kaiser(time / reach);
  }
  const sum = row.reduce((total, tap) => total + tap, 0);
  return row.map((tap) => tap / sum); // so that the gain of each phase is 1
}

export class Resampler {
  #phase = 0;
  #at = 0;

  /** @param {number} from Hz @param {number} to Hz */
  constructor(from, to) {
    const divisor = commonDivisor(Math.round(from), to);
    this.up = to / divisor;
    this.down = Math.round(from) / divisor;
    const cutoff = Math.min(1, to / from) * ROLL_OFF;
    this.reach = Math.ceil(CROSSINGS / cutoff);
    this.rows = Array.from({ length: this.up }, (_, place) => taps(place / this.up, cutoff, this.reach));
    this.kept = new Float32Array(this.reach - 1); // silence before the beginning
  }

  /** @param {Float32Array} samples @returns {number[]} All outputs that these and earlier samples determine. */
  push(samples) {
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    const made = [];
    while (this.#at + 2 * this.reach <= all.length) {
      made.push(this.#sum(all, /** @type {Float32Array} */ (this.rows[this.#phase])));
      this.#phase += this.down;
      this.#at += Math.floor(this.#phase / this.up);
      this.#phase %= this.up;
    }
    const used = Math.min(this.#at, all.length);
    this.kept = all.slice(used);
    this.#at -= used;
    return made;
  }

  /** To be called at the end of the input. @returns {number[]} The last outputs. */
  finish() {
    return this.push(new Float32Array(this.reach));
  }

  /** @param {Float32Array} samples @param {Float32Array} row */
  #sum(samples, row) {
    let sum = 0;
    for (let index = 0; index < row.length; index += 1) {
      sum += /** @type {number} */ (row[index]) * /** @type {number} */ (samples[this.#at + index]);
    }
    return sum;
  }
}
