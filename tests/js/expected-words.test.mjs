/** Corrected words that are offered as vocabulary. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isDoubtful,
  isKnown,
  withWords,
} from "../../src/whisper_appliance/pages/static/js/transcript/expected-words.js";

/** @param {[string, number][]} words With their probabilities. */
function segment(words) {
  const timed = words.map(([word, probability]) => ({ word, probability, start: 0, end: 1 }));
  return /** @type {import("../../src/whisper_appliance/pages/static/js/transcript/edits.js").Segment} */ (
    /** @type {unknown} */ ({ key: "0", text: words.map(([word]) => word).join(""), words: timed })
  );
}

test("a word is doubtful if the model was unsure of it, not of its neighbour", () => {
  const line = segment([
    [" Mrs.", 0.9],
    [" “Covalchik”,", 0.2],
    [" said", 0.9],
  ]);
  assert.equal(isDoubtful(line, "Covalchik"), true);
  assert.equal(isDoubtful(line, "said"), false);
  assert.equal(isDoubtful(segment([]), "said"), false);
});

test("a word is known as a whole word, in either case", () => {
  const lines = [{ key: "0", text: "Anna Kowalczyk, Łódź" }];
  assert.equal(isKnown(lines, "kowalczyk"), true);
  assert.equal(isKnown(lines, "Kowal"), false);
  assert.equal(isKnown(lines, "Łódź"), true);
});

test("words are added behind those that are expected, as long as a model takes them", () => {
  assert.equal(withWords("", "Ada"), "Ada");
  assert.equal(withWords("Ada, ", "Łódź"), "Ada, Łódź");
  assert.equal(withWords("Kowalczyk, ".repeat(80), "Ada"), null);
});
