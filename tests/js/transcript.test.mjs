/** A transcript without a page: chunks of paragraphs, where something was left out, and its times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut, spanBetween } from "../../src/whisper_appliance/pages/static/js/transcript/left-out.js";
import { chunksOf } from "../../src/whisper_appliance/pages/static/js/transcript/transcript-lines.js";

test("chunks hold whole paragraphs and all of them", () => {
  assert.deepEqual(chunksOf([], 0), []);
  assert.deepEqual(chunksOf([0], 1), [[0, 1]]);
  assert.deepEqual(chunksOf([0, 30, 50, 60], 70), [
    [0, 30, 50],
    [50, 60, 70],
  ]);
  assert.deepEqual(chunksOf([0, 100], 120), [
    [0, 100],
    [100, 120],
  ]);
});

/** @param {[number, number, string][]} spans @returns {any} */
const transcript = (spans) => ({
  segments: spans.map(([start, end, key]) => ({ start, end, key })),
  dropped: [0.5, 4, 5].map((start) => ({ start, end: start + 1, text: "no", reason: "repetition" })),
});

test("what was left out stands after the last segment that began before it", () => {
  const places = leftOut(
    transcript([
      [1, 2, "0"],
      [3, 4, "1"],
      [6, 7, "2"],
    ]),
  );
  assert.deepEqual(
    [...places].map(([place, items]) => [place, items.map(({ number }) => number)]),
    [
      [-1, [0]],
      [1, [1, 2]],
    ],
  );
});

test("what was brought back is no longer left out", () => {
  const places = leftOut(
    transcript([
      [1, 2, "0"],
      [4, 5, "d1"],
    ]),
  );
  assert.deepEqual(
    [...places.values()].flat().map(({ number }) => number),
    [0, 2],
  );
});

test("what comes back takes its time between its neighbours", () => {
  assert.deepEqual(spanBetween({ start: 3, end: 9 }, { start: 1, end: 4 }, { start: 8, end: 9 }, 10), {
    start: 4,
    end: 8,
  });
  assert.deepEqual(spanBetween({ start: 3, end: 12 }, undefined, undefined, 10), { start: 3, end: 10 });
  assert.deepEqual(spanBetween({ start: 3, end: 5 }, { start: 1, end: 8 }, { start: 8, end: 9 }, 10), {
    start: 3,
    end: 5,
  });
});
