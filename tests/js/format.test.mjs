/** Formats of numbers, durations, sizes, dates. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  day,
  dayAndTimeCell,
  dayAndTimeInline,
} from "../../src/whisper_appliance/pages/static/js/core/datetime.js";
import {
  bytes,
  clock,
  decimal,
  duration,
  languageName,
  languageTag,
  percent,
  shortNumber,
  shortTitle,
  speed,
  timeLeft,
} from "../../src/whisper_appliance/pages/static/js/core/format.js";
import { browserName } from "../../src/whisper_appliance/pages/static/js/core/user-agent.js";

/** @template T @param {(value: T) => unknown} format @param {[T, unknown][]} examples */
function assertFormats(format, examples) {
  for (const [value, expected] of examples) assert.equal(format(value), expected, String(value));
}

test("positions in a recording", () => {
  assertFormats(clock, [
    [0, "0:00"],
    [44.9, "0:44"],
    [725, "12:05"],
    [3723, "1:02:03"],
    [-1, "0:00"],
  ]);
  assert.equal(clock(0.1 * 10 * 60 - 1e-9), "1:00", "sums of packets are a little less than whole");
});

test("tags of languages", () => {
  assert.equal(languageTag("de"), "de");
  assert.equal(languageTag("jw", "transcribe"), "jv");
  assert.equal(languageTag("de", "translate"), "en");
  assert.equal(languageTag(""), "");
});

test("durations", () => {
  assertFormats(duration, [
    [0.2, "less than a second"],
    [12.4, "12 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [3570, "1 h"],
    [4800, "1 h 20 min"],
    [7200, "2 h"],
  ]);
});

test("the time left is rounded more the longer it is", () => {
  assertFormats(timeLeft, [
    [3, "a few seconds left"],
    [41, "50 s left"],
    [57, "1 min left"],
    [200, "3 min left"],
  ]);
});

test("a share is 100 % only at the end", () => {
  assertFormats(percent, [
    [0, "0 %"],
    [0.999, "99 %"],
    [1, "100 %"],
    [1.2, "100 %"],
    [-1, "0 %"],
  ]);
});

test("sizes are in powers of 1024", () => {
  assertFormats(bytes, [
    [0, "0 bytes"],
    [1023, "1023 bytes"],
    [1024, "1 KB"],
    [1536, "1.5 KB"],
    [15.7 * 1024, "16 KB"],
    [2 ** 30, "1 GB"],
    [2 ** 40, "1024 GB"],
  ]);
});

test("numbers are written as in the language of the page", () => {
  Object.assign(globalThis, { document: { documentElement: { lang: "de" } } });
  try {
    assert.equal(bytes(1536), "1,5 KB");
    assert.equal(decimal(12.26), "12,3");
    assert.equal(shortNumber(12.26), "12");
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
});

test("speed is a multiple of real time, where there is one", () => {
  assert.equal(speed(60, 6), "10 × real time");
  assert.equal(speed(60, 7), "8.6 × real time");
  assert.equal(speed(60, 20), "3 × real time");
  assert.equal(speed(60, 0), null);
  assert.equal(speed(0, 6), null);
});

test("languages have names; an unknown code stays", () => {
  assertFormats(languageName, [
    ["de", "German"],
    ["not a code", "not a code"],
  ]);
});

test("a long title is cut to 40 characters", () => {
  assert.equal(shortTitle("short"), "short");
  assert.equal(shortTitle("x".repeat(41)), `${"x".repeat(39)}…`);
});

test("days are named by their distance from now", () => {
  const now = new Date(2026, 2, 10, 0, 30);
  const at = (/** @type {number[]} */ ...parts) =>
    new Date(parts[0] ?? 0, parts[1] ?? 0, parts[2], parts[3]).toISOString();
  assert.equal(day(at(2026, 2, 10, 23), now), "Today");
  assert.equal(day(at(2026, 2, 9, 23), now), "Yesterday");
  assert.equal(day(at(2026, 1, 3, 12), now), "3 February");
  assert.equal(day(at(2025, 11, 31, 12), now), "31 December 2025");
});

test("a moment that never was is never", () => {
  assert.equal(dayAndTimeCell(null), "never");
  assert.match(dayAndTimeCell("2020-03-01T12:00:00Z"), /^1\u00a0March\u00a02020,\u00a0\d\d:\d\d$/u);
  assert.match(dayAndTimeInline(new Date().toISOString()), /^today,/);
});

test("browsers have names", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36";
  assertFormats(browserName, [
    [chrome, "Chrome on Linux"],
    [`${chrome} Edg/120.0`, "Edge on Linux"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari on iPhone"],
    ["curl/8.0", "curl"],
    ["", "Unknown browser"],
  ]);
});
