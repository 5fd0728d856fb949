/** A transcript without a page: chunks of paragraphs, where something was left out, and its times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chapterStarts,
  chapterTitle,
} from "../../src/whisper_appliance/pages/static/js/transcript/chapters.js";
import { leftOut, spanBetween } from "../../src/whisper_appliance/pages/static/js/transcript/left-out.js";
import { textOf } from "../../src/whisper_appliance/pages/static/js/transcript/paragraph-text.js";
import { chunksOf } from "../../src/whisper_appliance/pages/static/js/transcript/transcript-lines.js";

test("chunks hold whole paragraphs and all of them", () => {
  assert.deepEqual(chunksOf([], 0), []);
  assert.deepEqual(chunksOf([0], 1), [[0, 1]]);
  assert.deepEqual(chunksOf([0, 15, 25, 30], 35), [
    [0, 15, 25],
    [25, 30, 35],
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

const talk = {
  segments: [
    { start: 0, text: " One", speaker: "Ada" },
    { start: 1, text: " two.", speaker: "Ada" },
    { start: 62, text: " Three.", speaker: "Ada" },
    { start: 70, text: " Four.", speaker: "Bob" },
  ],
  paragraphs: [0, 2, 3],
};

test("copied text has a line a paragraph, with or without times and speakers", () => {
  assert.equal(textOf(talk), "Ada: One two.\nThree.\nBob: Four.");
  assert.equal(
    textOf(talk, { times: true, speakers: false }),
    "[0:00] One two.\n[1:02] Three.\n[1:10] Four.",
  );
});

/** @param {number} count @param {number[]} after Segments with a long pause before them. */
const lecture = (count, after) => {
  let start = 0;
  return Array.from({ length: count }, (_, place) => {
    start += after.includes(place) ? 10 : 5;
    return { start, end: start + 5, text: ` Sentence number ${place} of this lecture.` };
  });
};

test("chapters begin after long pauses that are far apart, in a long recording only", () => {
  assert.deepEqual(chapterStarts(lecture(200, [60, 62, 120]), 1015), [0, 60, 120]);
  assert.deepEqual(chapterStarts(lecture(200, []), 1000), []);
  assert.deepEqual(chapterStarts(lecture(100, [50]), 505), []);
});

test("a chapter is named by its first words", () => {
  assert.equal(chapterTitle(lecture(3, []), 1), "Sentence number 1 of this lecture. Sentence number 2 of…");
  assert.equal(chapterTitle([{ start: 0, end: 1, text: " Short." }], 0), "Short.");
});
