/** A span that was transcribed again: what it covers, how it differs, and the edit that takes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { covered, taking } from "../../src/whisper_appliance/pages/static/js/transcript/span-dialog.js";
import { wordDifference } from "../../src/whisper_appliance/pages/static/js/transcript/word-difference.js";

test("words that both texts have are the same, the others differ", () => {
  assert.deepEqual(wordDifference("Mr. Hail was ill", "Mr. Hale was very ill"), {
    before: [
      { text: "Mr.", isSame: true },
      { text: "Hail", isSame: false },
      { text: "was ill", isSame: true },
    ],
    after: [
      { text: "Mr.", isSame: true },
      { text: "Hale", isSame: false },
      { text: "was", isSame: true },
      { text: "very", isSame: false },
      { text: "ill", isSame: true },
    ],
  });
  assert.deepEqual(wordDifference("", "new"), { before: [], after: [{ text: "new", isSame: false }] });
});

/** @returns {any[]} */
const talk = () => [
  { key: "a", start: 0, end: 4, text: " One.", speaker: "Ada" },
  { key: "b", start: 4, end: 6, text: " Two.", speaker: "Bob" },
  { key: "c", start: 6, end: 9, text: " Three.", speaker: "Bob" },
];

/** @param {{start: number, end: number, text: string, words?: unknown[]}[]} segments @param {{start: number, end: number}} span @returns {any} */
const result = (segments, span) => ({ id: "f", segments, span });

test("lines whose middle is in the span are covered", () => {
  assert.deepEqual(
    covered(talk(), { start: 3, end: 7.6 }).map(({ key }) => key),
    ["b", "c"],
  );
});

test("taking a result replaces what it covers, at times of the whole recording, and keeps who speaks", () => {
  const words = [{ word: " Too.", start: 0, end: 0.5, probability: 0.8 }];
  const [removal, first, second] = /** @type {any[]} */ (
    taking(
      talk(),
      result(
        [
          { start: 0, end: 1, text: " Too.", words },
          { start: 1, end: 9, text: " Tree." },
        ],
        { start: 4, end: 6 },
      ),
      9,
    )
  );
  assert.deepEqual(removal, { op: "delete", segments: ["b"] });
  assert.deepEqual(
    [first.op, first.after, first.text, first.start, first.end, first.speaker],
    ["insert", "a", "Too.", 4, 5, "Bob"],
  );
  assert.deepEqual(first.words, [{ word: " Too.", start: 4, end: 4.5, probability: 0.8 }]);
  assert.deepEqual([second.after, second.start, second.end], [first.new, 5, 6]);
});

test("a result in a gap is added without removing anything", () => {
  const operations = /** @type {any[]} */ (
    taking(talk(), result([{ start: 0, end: 0.5, text: " Four." }], { start: 9, end: 9.5 }), 10)
  );
  assert.deepEqual(
    operations.map(({ op, after, start }) => [op, after, start]),
    [["insert", "c", 9]],
  );
});
