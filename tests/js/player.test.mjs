/** The player without a page: peaks, bars, words at a time, seconds in an address. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  segmentAt,
  spanOf,
  wordAt,
} from "../../src/whisper_appliance/pages/static/js/player/follow-words.js";
import { barHeights, barsPath, readPeaks } from "../../src/whisper_appliance/pages/static/js/player/peaks.js";
import { secondsInAddress } from "../../src/whisper_appliance/pages/static/js/player/player-bar.js";

/** @param {number[]} pairs @param {number} span @returns {ArrayBuffer} As `audio/peaks.py` writes it. */
function packed(pairs, span = 320) {
  const data = new ArrayBuffer(20 + pairs.length);
  const view = new DataView(data);
  const header = [1, 1, 16_000, span, pairs.length / 2];
  header.forEach((value, index) => {
    view.setInt32(4 * index, value, true);
  });
  new Int8Array(data, 20).set(pairs);
  return data;
}

test("peaks are read with their length in seconds", () => {
  const peaks = readPeaks(packed([-10, 20, -30, 5], 16_000));
  assert.equal(peaks?.seconds, 2);
  assert.deepEqual([...(peaks?.low ?? [])], [-10, -30]);
  assert.deepEqual([...(peaks?.high ?? [])], [20, 5]);
});

test("what is not in the format has no peaks", () => {
  assert.equal(readPeaks(new ArrayBuffer(0)), null);
  assert.equal(readPeaks(new ArrayBuffer(64)), null);
  assert.equal(readPeaks(packed([1, 2, 3, 4]).slice(0, 22)), null, "cut off");
});

test("the loudest bar is as high as can be, and silence is low", () => {
  const heights = (/** @type {number[]} */ pairs, /** @type {number} */ count) =>
    barHeights(/** @type {any} */ (readPeaks(packed(pairs))), count);
  assert.deepEqual(heights([0, 50, -100, 0], 2), [0.5, 1]);
  assert.deepEqual(heights([0, 50, -100, 0], 1), [1], "a bar is as high as the highest peak in it");
  assert.deepEqual(heights([0, 64, 0, 0], 4), [1, 1, 0, 0], "more bars than peaks");
  assert.deepEqual(heights([0, 1, 0, 0], 2), [0.125, 0], "noise is not blown up");
  assert.deepEqual(heights([], 2), [0, 0]);
  assert.equal(barsPath([0.5, 0]).match(/M/g)?.length, 2);
});

test("the segment and the word at a second are the last that have begun", () => {
  const spans = [{ start: 1 }, { start: 4 }, { start: 9 }];
  const segments = spans.map(({ start }) => ({ start, end: start + 2, text: "" }));
  for (const find of [segmentAt, wordAt]) {
    const at = (/** @type {number} */ seconds) => find(/** @type {any} */ (segments), seconds);
    assert.deepEqual([0, 1, 3.9, 4, 100].map(at), [-1, 0, 0, 1, 2]);
  }
  assert.equal(segmentAt([], 3), -1);
});

test("a word is found in the text of its line", () => {
  const words = [" Ever", " tried.", " Ever"].map((word) => ({ word }));
  assert.deepEqual(spanOf(words, 0, "Ever tried. Ever"), [0, 4]);
  assert.deepEqual(spanOf(words, 2, "Ever tried. Ever"), [12, 16]);
  assert.equal(spanOf(words, 0, "Something else"), null);
});

test("an address can name a second", () => {
  const seconds = (/** @type {string} */ end) => secondsInAddress(new URL(`https://box/transcripts/1${end}`));
  assert.equal(seconds("?t=83"), 83);
  assert.equal(seconds("?q=x&t=1.5s"), 1.5);
  assert.equal(seconds("#t=7"), 7);
  for (const none of ["", "?t=", "?t=soon", "?t=-4", "#at-3"]) assert.equal(seconds(none), null, none);
});
