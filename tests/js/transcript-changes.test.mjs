/** The answer to an edit is applied to the transcript in the page, and found words are counted without a page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  withChanges,
  withWords,
} from "../../src/whisper_appliance/pages/static/js/transcript/apply-changes.js";
import { matchesIn } from "../../src/whisper_appliance/pages/static/js/transcript/find-in-page.js";

/** @param {string[]} keys @returns {any} */
const transcript = (keys) => ({ title: "Talk", revision: 2, segments: keys.map((key) => ({ key })) });

/** @param {[string, string[], string[]][]} hunks @param {number} [revision] @returns {any} */
const answer = (hunks, revision = 3) => ({
  revision,
  paragraphs: [0],
  changes: [
    {
      revision,
      hunks: hunks.map(([after, removed, added]) => ({
        after,
        removed,
        added: added.map((key) => ({ key })),
      })),
    },
  ],
});

/** @param {any} changed @returns {string[]} */
const keysOf = (changed) => changed.segments.map((/** @type {{key: string}} */ { key }) => key);

test("segments are replaced, added and removed in their places", () => {
  const changed = withChanges(
    transcript(["a", "b", "c"]),
    answer([
      ["", ["a"], ["x", "y"]],
      ["b", ["c"], []],
    ]),
  );
  assert.deepEqual(keysOf(changed), ["x", "y", "b"]);
  assert.deepEqual(
    changed?.segments.map(({ id }) => id),
    [0, 1, 2],
  );
  assert.equal(changed?.revision, 3);
  assert.equal(changed?.title, "Talk");
});

test("a segment that is as it was stays the same object, so that its line is not made anew", () => {
  const before = transcript(["a", "b", "c"]);
  for (const [id, segment] of before.segments.entries()) segment.id = id;
  const after = withChanges(before, answer([["a", ["b"], ["x"]]]));
  assert.deepEqual(
    after?.segments.map((segment, place) => segment === before.segments[place]),
    [true, false, true],
  );
});

test("changes that the page has are not applied twice", () => {
  assert.deepEqual(keysOf(withChanges(transcript(["a"]), answer([["", ["z"], ["a"]]], 2))), ["a"]);
});

test("changes that do not fit are refused, so that the page loads everything", () => {
  assert.equal(withChanges(transcript(["a"]), answer([["z", [], ["b"]]])), null);
  assert.equal(withChanges(transcript(["a", "b"]), answer([["", ["b"], []]])), null);
  assert.equal(withChanges(transcript(["a"]), { ...answer([]), paragraphs: [0, 5] }), null);
});

test("aligned words are taken where the text is the same, and only there a segment is another object", () => {
  const words = (/** @type {number} */ start) => [{ start, end: start + 1, word: " x", probability: 1 }];
  const segments = ["a", "b", "c"].map((key, id) => ({ key, id, text: " x", words: words(0) }));
  const aligned = [
    { key: "a", text: " x", words: words(5) },
    { key: "b", text: " y", words: words(5) },
    { key: "c", text: " x", words: words(0) },
  ];
  const changed = withWords(/** @type {any} */ ({ segments }), /** @type {any} */ (aligned));
  assert.equal(withWords(changed, /** @type {any} */ (aligned)), changed);
  assert.equal(changed.segments[0]?.words[0]?.start, 5);
  assert.deepEqual(
    changed.segments.map((segment, place) => segment === segments[place]),
    [false, true, true],
  );
});

test("matches are counted in each paragraph, up to a limit", () => {
  assert.deepEqual(matchesIn(["It was. IT was.", "no", "it"], "it"), [
    { paragraph: 0, number: 0 },
    { paragraph: 0, number: 1 },
    { paragraph: 2, number: 0 },
  ]);
  assert.equal(matchesIn(["a".repeat(3000)], "a").length, 2000);
});
