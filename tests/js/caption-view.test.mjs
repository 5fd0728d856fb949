/** Captions: where a paragraph begins, and how a final result replaces words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  distributeWords,
  isParagraphBreak,
} from "../../src/whisper_appliance/pages/static/js/live/caption-view.js";

const word = (/** @type {string} */ w, /** @type {number} */ t0) => ({ w, t0, t1: t0 + 0.4, p: 1 });

test("an empty paragraph takes any word", () => {
  assert.equal(isParagraphBreak({ text: "end.", end: 1 }, 60, 0), false);
  assert.equal(isParagraphBreak(undefined, 60, 0), false);
});

test("a pause of two seconds begins a paragraph", () => {
  assert.equal(isParagraphBreak({ text: "and", end: 10 }, 11.9, 5), false);
  assert.equal(isParagraphBreak({ text: "and", end: 10 }, 12, 5), true);
});

test("a long paragraph ends at a sentence with a short pause behind it", () => {
  assert.equal(isParagraphBreak({ text: "end.", end: 10 }, 10.5, 69), false);
  assert.equal(isParagraphBreak({ text: "end.", end: 10 }, 10.5, 70), true);
  assert.equal(isParagraphBreak({ text: "end.", end: 10 }, 10.2, 70), false);
  assert.equal(isParagraphBreak({ text: "and", end: 10 }, 10.5, 70), false);
});

test("a very long paragraph ends at any sentence", () => {
  assert.equal(isParagraphBreak({ text: "end.", end: 10 }, 10, 200), true);
  assert.equal(isParagraphBreak({ text: "and", end: 10 }, 10, 500), false);
});

test("sentences end in many scripts", () => {
  for (const text of ["so.", "so?", "so!”", "そう。", "so…", 'so."']) {
    assert.equal(isParagraphBreak({ text, end: 10 }, 10, 200), true, text);
  }
});

test("final words go to the places at whose times they were spoken", () => {
  const words = [word(" a", 0), word(" better", 1.02), word(" word", 2)];
  assert.deepEqual(distributeWords([0, 1, 2], words), [" a", " better", " word"]);
});

test("a place may take several words, or none", () => {
  assert.deepEqual(distributeWords([0, 1, 2], [word(" one", 0), word(" two", 0.5)]), [" one two", "", ""]);
  assert.deepEqual(distributeWords([0, 1, 2], [word(" last", 9)]), ["", "", " last"]);
  assert.deepEqual(distributeWords([5, 6], [word(" early", 1)]), [" early", ""]);
});
