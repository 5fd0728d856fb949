/** The resampler: keeps what is audible at 16 kHz, and damps what would be aliased. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Resampler } from "../../src/whisper_appliance/pages/static/js/live/resampler.js";

const RATE = 16_000;
const BLOCK = 128; // samples that a browser passes at once

/** @param {number} rate @param {number} hertz @returns {number[]} A second of a tone, resampled. */
function resampledTone(rate, hertz) {
  const resampler = new Resampler(rate, RATE);
  const sample = (/** @type {number} */ at) => Math.sin((2 * Math.PI * hertz * at) / rate);
  const blocks = Array.from({ length: Math.ceil(rate / BLOCK) }, (_, block) => block * BLOCK);
  return blocks.flatMap((at) =>
    resampler.push(Float32Array.from({ length: BLOCK }, (_, n) => sample(at + n))),
  );
}

/** @param {number[]} samples @returns {number} The amplitude of a tone, measured away from both ends. */
function amplitude(samples) {
  const middle = samples.slice(2000, 14_000);
  return Math.sqrt((2 * middle.reduce((sum, sample) => sum + sample * sample, 0)) / middle.length);
}

/** @param {number} actual @param {number} expected @param {number} tolerance */
function assertNear(actual, expected, tolerance) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} ± ${tolerance}`);
}

for (const rate of [48_000, 44_100, 96_000, 8_000]) {
  test(`a tone of ${rate} Hz audio keeps its length and its amplitude`, () => {
    const samples = resampledTone(rate, 1000);
    assertNear(samples.length, RATE, 200);
    assertNear(amplitude(samples), 1, 0.01);
  });
}

for (const rate of [48_000, 44_100, 96_000]) {
  test(`aliasing of ${rate} Hz audio is damped by 70 dB`, () => {
    assertNear(amplitude(resampledTone(rate, 6500)), 1, 0.05);
    for (const hertz of [9_500, 12_000, 15_000]) {
      assert.ok(amplitude(resampledTone(rate, hertz)) < 10 ** (-70 / 20), `${hertz} Hz`);
    }
  });
}

test("equal rates keep a constant", () => {
  const samples = new Resampler(RATE, RATE).push(new Float32Array(1000).fill(0.5));
  for (const sample of samples.slice(100)) assertNear(sample, 0.5, 1e-4);
});

test("after the end all samples are out", () => {
  const resampler = new Resampler(48_000, RATE);
  const samples = [...resampler.push(new Float32Array(48_000)), ...resampler.finish()];
  assertNear(samples.length, RATE, 1);
});
