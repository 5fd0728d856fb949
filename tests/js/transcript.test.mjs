/** A transcript without a page: chunks of paragraphs, where something was left out, and its times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { linesBeside } from "../../src/whisper_appliance/pages/static/js/transcript/beside.js";
import { chapterPlace } from "../../src/whisper_appliance/pages/static/js/transcript/chapters.js";
import { wantedOf } from "../../src/whisper_appliance/pages/static/js/transcript/chapters-dialog.js";
import { leftOut, spanBetween } from "../../src/whisper_appliance/pages/static/js/transcript/left-out.js";
import { notePlaces, withSame } from "../../src/whisper_appliance/pages/static/js/transcript/notes.js";
import { textOf } from "../../src/whisper_appliance/pages/static/js/transcript/paragraph-text.js";
import { chunksOf } from "../../src/whisper_appliance/pages/static/js/transcript/transcript-lines.js";
import { isForeign } from "../../src/whisper_appliance/pages/static/js/transcript/translation.js";

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

/** @param {string} id @param {number} start @param {string} [text] @returns {any} */
const note = (id, start, text = "x") => ({ id, start, text });

test("notes stand after the line of their second, those before the first line before it", () => {
  const segments = [
    { start: 1, end: 2, text: "" },
    { start: 3, end: 4, text: "" },
  ];
  const places = notePlaces(segments, [note("a", 0), note("b", 2.5), note("c", 3), note("d", 99)]);
  assert.deepEqual(
    [...places].map(([place, notes]) => [place, notes.map(({ id }) => id)]),
    [
      [-1, ["a"]],
      [0, ["b"]],
      [1, ["c", "d"]],
    ],
  );
});

test("a note that is as it was stays the same object, so that its lines are not made anew", () => {
  const before = [note("a", 0), note("b", 1)];
  const after = withSame(before, [note("b", 1), note("a", 0, "changed"), note("c", 2)]);
  assert.equal(after[0], before[1]);
  assert.notEqual(after[1], before[0]);
  assert.equal(after.length, 3);
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

test("a chapter begins with the segment of its second, also where that was written in hundredths", () => {
  const segments = [0, 1.234, 5].map((start) => ({ start, end: start + 1, text: " x" }));
  assert.deepEqual(
    [0, 1.23, 1.234, 3, 9].map((start) => chapterPlace(segments, start)),
    [0, 1, 1, 1, 2],
  );
  assert.equal(chapterPlace(segments.slice(1), 0), 0);
});

test("chapters that were not named by hand are sent back without a title", () => {
  const chapters = [
    { start: 0, title: "First words", named: false },
    { start: 9, title: "Costs", named: true },
  ];
  assert.deepEqual(wantedOf({ revision: 0, by_hand: false, chapters }), [
    { start: 0, title: "" },
    { start: 9, title: "Costs" },
  ]);
  assert.deepEqual(wantedOf(null), []);
});

/** @param {...[number, number, string, number?]} spans @returns {any[]} */
const said = (...spans) => spans.map(([start, end, text, channel = null]) => ({ start, end, text, channel }));

test("a translated line stands beside the line whose time it shares most, as in the exports", () => {
  const original = said([0, 2, "Guten Morgen."], [2, 4, "Wie geht es?"], [9, 12, "Danke."]);
  const english = said([0, 1.8, " Good morning. "], [1.9, 4, "How are you?"], [9, 12, "Thanks."]);
  assert.deepEqual(linesBeside(original, english), ["Good morning.", "How are you?", "Thanks."]);
  const places = /** @type {[number, number, number][]} */ ([
    [0, 3.5, 0],
    [1, 4, 1],
    [5, 6, 1],
    [4, 20, 2],
    [50, 60, 2],
    [2, 2, 1],
  ]);
  for (const [start, end, place] of places) {
    const lines = linesBeside(original, said([start, end, "x"]));
    assert.equal(lines.indexOf("x"), place);
  }
  assert.deepEqual(linesBeside([], english), []);
  assert.deepEqual(linesBeside(said([9, 12, ""]), said([11, 12, "b"], [9, 10, "a"], [10, 11, " "])), ["a b"]);
});

test("the channels of a call keep their own translation", () => {
  const call = said([0, 4, "Ja", 1], [0.5, 3.5, "Nein", 2]);
  assert.deepEqual(linesBeside(call, said([0.5, 3.5, "No", 2])), ["", "No"]);
  assert.deepEqual(linesBeside(call, said([0.5, 3.5, "Yes", 1])), ["Yes", ""]);
});

test("what is in English already is not translated", () => {
  assert.equal(isForeign({ task: "transcribe", languages: ["en"] }), false);
  assert.equal(isForeign({ task: "transcribe", languages: ["en", "de"] }), true);
  assert.equal(isForeign({ task: "translate", languages: ["de"] }), false);
});
