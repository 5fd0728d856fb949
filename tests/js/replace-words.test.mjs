/** Words that are found and replaced, and times that people type. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  preciseClock,
  secondsOf,
} from "../../src/whisper_appliance/pages/static/js/transcript/precise-times.js";
import {
  correctedWords,
  replacements,
} from "../../src/whisper_appliance/pages/static/js/transcript/replace-words.js";

const LINES = [
  { key: "0", text: " The cat saw a Cat." },
  { key: "1", text: " Concatenate." },
  { key: "2", text: " Größe (a+b) costs $1." },
];

/** @param {string} words @param {string} replacement @param {{matchCase?: boolean, wholeWords?: boolean}} [options] */
function texts(words, replacement, { matchCase = false, wholeWords = false } = {}) {
  return replacements(LINES, { words, replacement, matchCase, wholeWords }).map(({ text }) => text);
}

test("case and whole words count where that is wanted", () => {
  assert.deepEqual(texts("cat", "dog"), ["The dog saw a dog.", "Condogenate."]);
  assert.deepEqual(texts("cat", "dog", { wholeWords: true }), ["The dog saw a dog."]);
  assert.deepEqual(texts("cat", "dog", { matchCase: true, wholeWords: true }), ["The dog saw a Cat."]);
  assert.deepEqual(texts("Größ", "x", { wholeWords: true }), []);
});

test("signs of patterns are only signs, in what is looked for and in what replaces it", () => {
  assert.deepEqual(texts("(a+b)", "$&"), ["Größe $& costs $1."]);
  assert.deepEqual(texts(" ", "x"), []);
});

test("a short correction is one that may be elsewhere", () => {
  assert.deepEqual(correctedWords("I met Kulbna, today.", "I met Kolumna, today."), {
    words: "Kulbna",
    replacement: "Kolumna",
  });
  assert.equal(correctedWords("the end", "the end, of"), null);
  assert.equal(correctedWords("a b c d e", "v w x y z"), null);
});

test("a time that is shown is read as the same time", () => {
  for (const seconds of [0, 4.25, 59.99, 60, 3723.5]) assert.equal(secondsOf(preciseClock(seconds)), seconds);
  assert.equal(secondsOf("1:02,5"), 62.5);
  for (const wrong of ["", "a", "1:", "-1", "1:2:3:4"]) assert.equal(secondsOf(wrong), null, wrong);
});
