/** Small parts without a page: insertion of streamed segments, upload keys, sums, settings, matches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { summarize } from "../../src/whisper_appliance/pages/static/js/admin/charts/chart-card.js";
import { stack } from "../../src/whisper_appliance/pages/static/js/admin/charts/day-chart.js";
import { displayValue } from "../../src/whisper_appliance/pages/static/js/admin/setting-values.js";
import { calendar, groupBy } from "../../src/whisper_appliance/pages/static/js/admin/statistics-sums.js";
import { appendSample } from "../../src/whisper_appliance/pages/static/js/admin/telemetry-socket.js";
import { startPayload } from "../../src/whisper_appliance/pages/static/js/live/live-launcher.js";
import { loudness } from "../../src/whisper_appliance/pages/static/js/live/waveform.js";
import { fingerprint } from "../../src/whisper_appliance/pages/static/js/transcribe/resumable-upload.js";
import { insertionIndex } from "../../src/whisper_appliance/pages/static/js/transcribe/streaming-text.js";
import {
  idempotencyKeyOf,
  newIdempotencyKey,
} from "../../src/whisper_appliance/pages/static/js/transcribe/upload-queue.js";
import { occurrences } from "../../src/whisper_appliance/pages/static/js/transcript/find-in-page.js";
import { systemOf } from "../../src/whisper_appliance/pages/static/js/trust/trust-page.js";
import { isRecording } from "../../src/whisper_appliance/pages/static/js/ui/drop.js";
import { matches } from "../../src/whisper_appliance/pages/static/js/ui/palette.js";
import { estimateTokens } from "../../src/whisper_appliance/pages/static/js/ui/prompt-length.js";
import { foundWords, placeOf } from "../../src/whisper_appliance/pages/static/js/ui/transcript-row.js";

test("streamed segments are inserted by their start times", () => {
  assert.equal(insertionIndex([], 4), 0);
  assert.equal(insertionIndex([1, 5, 9], 10), 3);
  assert.equal(insertionIndex([1, 5, 9], 3), 1);
  assert.equal(insertionIndex([1, 5, 9], 5), 1, "a segment that is there is found");
  assert.equal(insertionIndex([1, 5, 9], 0), 0);
});

test("idempotency keys have 128 random bits", () => {
  const keys = Array.from({ length: 100 }, newIdempotencyKey);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(new Set(keys).size, 100);
});

test("a file that the browser keeps has one key for one set of options", () => {
  const key = idempotencyKeyOf("a1", { language: "de", task: "transcribe" });
  assert.match(key, /^a1-[0-9a-f]+$/);
  assert.equal(idempotencyKeyOf("a1", { task: "transcribe", language: "de" }), key);
  assert.notEqual(idempotencyKeyOf("a1", { task: "transcribe", language: "en" }), key);
  assert.notEqual(idempotencyKeyOf("a2", { language: "de", task: "transcribe" }), key);
  const made = (/** @type {number} */ lastModified) => new File(["x"], "Recording.webm", { lastModified });
  assert.equal(fingerprint(made(1), {}, "a1"), fingerprint(made(2), {}, "a1"), "it is made anew by a reload");
  assert.notEqual(fingerprint(made(1), {}), fingerprint(made(2), {}));
});

test("matches of a search do not overlap", () => {
  assert.deepEqual([...occurrences("it was, it was", "it was")], [0, 8]);
  assert.deepEqual([...occurrences("aaaa", "aa")], [0, 2]);
  assert.deepEqual([...occurrences("nothing", "else")], []);
});

test("only chosen options are sent with a live session", () => {
  const fixed = { v: 1, format: "pcm_s16le", rate: 16_000 };
  assert.deepEqual(startPayload({}), fixed);
  assert.deepEqual(startPayload({ language: "de", quality: "best" }), { ...fixed, language: "de" });
});

test("loudness is in decibels above the floor", () => {
  assert.equal(loudness(0), 0);
  assert.equal(loudness(1), 1);
  assert.ok(Math.abs(loudness(10 ** (-27 / 20)) - 0.5) < 1e-9);
  assert.equal(loudness(1e-9), 0);
});

test("steps of a system are found by its user agent", () => {
  assert.equal(systemOf("Mozilla/5.0 (Linux; Android 14)", 5), "android");
  assert.equal(systemOf("Mozilla/5.0 (Macintosh; Intel Mac OS X)", 0), "macos");
  assert.equal(systemOf("Mozilla/5.0 (Macintosh; Intel Mac OS X)", 5), "ios", "an iPad");
  assert.equal(systemOf("Mozilla/5.0 (X11; Linux) Firefox/120", 0), "firefox");
  assert.equal(systemOf("something else", 0), undefined);
});

test("values of settings are written for people", () => {
  const value = (/** @type {string} */ text, /** @type {any} */ kind, name = "X") =>
    displayValue(text, { kind, name });
  assert.equal(value("true", "switch"), "On");
  assert.equal(value("a,b", "list"), "a, b");
  assert.equal(value("2.0GiB", "size"), "2 GiB");
  assert.equal(value("7200", "whole number", "A_SECONDS"), "7200 s (2 h)");
  assert.equal(value("90.0", "number", "A_TIMEOUT"), "90 s");
  assert.equal(value("172800", "whole number", "A_SECONDS"), "172800 s (2 d)");
  assert.equal(value("172800", "whole number", "A_COUNT"), "172800");
});

test("a calendar has the days without entries too", () => {
  const entries = [{ day: "2026-02-27" }, { day: "2026-03-02" }];
  assert.deepEqual(calendar(entries), ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
  assert.deepEqual(calendar([]), []);
});

test("groups are sorted by their audio, with their shares", () => {
  const entry = (/** @type {string} */ model, /** @type {number} */ audio_seconds) => {
    return { model, count: 1, audio_seconds, processing_seconds: 1 };
  };
  const groups = groupBy([entry("a", 10), entry("b", 60), entry("a", 30)], ({ model }) => model);
  assert.deepEqual(groups, [
    { name: "b", count: 1, audio_seconds: 60, processing_seconds: 1, share: 0.6 },
    { name: "a", count: 2, audio_seconds: 40, processing_seconds: 2, share: 0.4 },
  ]);
});

test("layers of bars are stacked", () => {
  const layers = [
    { colour: "a", values: [1, 2] },
    { colour: "b", values: [10, 20] },
  ];
  assert.deepEqual(
    stack(layers).map(({ values }) => values),
    [
      [1, 2],
      [11, 22],
    ],
  );
});

test("samples without a value do not count", () => {
  assert.deepEqual(summarize([null, 2, 4, null]), { mean: 3, highest: 4, last: 4 });
  assert.equal(summarize([null]), null);
  assert.equal(summarize(undefined), null);
});

test("a new sample pushes out those that are too old", () => {
  const samples = { time: [10, 20, 30], cpu: [1, 2, 3] };
  assert.deepEqual(appendSample(samples, { time: 40, cpu: 4 }, 20), { time: [20, 30, 40], cpu: [2, 3, 4] });
  assert.equal(appendSample(samples, { time: 30, cpu: 9 }, 20), samples, "it is there already");
  assert.deepEqual(appendSample({ time: [] }, { time: 5, cpu: null }, 20), { time: [5], cpu: [null] });
});

test("the tokens of a context are estimated within a half, in several scripts", () => {
  // Counted by the tokenizer of the models that know several languages, with the space before a prompt.
  const counted = /** @type {[string, number][]} */ ([
    ["Samuel Beckett wrote this play in French and English. The actors stand in the dark.", 20],
    ["Ødegaard, CTranslate2, Kubernetes, Nextcloud, PostgreSQL, Home Assistant", 22],
    ["Der hinter diesem Portal liegende Raum wurde als Leichenhalle genutzt.", 18],
    ["Заседание начнётся в девять часов в зале ратуши.", 19],
    ["会议将于九点在市政厅大厅开始，所有代表都出席。", 28],
    ["会議は九時に市役所の大広間で始まります。", 21],
    ["그는 이리저리 피하면서 길 한 옆으로 걸어갔다.", 17],
  ]);
  for (const [text, tokens] of counted) {
    const ratio = estimateTokens(text) / tokens;
    assert.ok(ratio > 0.5 && ratio < 1.5, `${text}: ${ratio}`);
  }
  assert.equal(estimateTokens("  "), 0);
});

test("a hit leads to the longest words that were found in a row", () => {
  assert.equal(
    foundWords(["the ", "forms", " ", "of", " ", "printed", " letters ", "of", " it"]),
    "forms of printed",
  );
  assert.equal(foundWords(["nothing"]), "");
  const hits = /** @type {any} */ ([
    { start: 1.5, pieces: ["", "of", " these"] },
    { start: 8.5, pieces: ["", "forms", " ", "of", ""] },
  ]);
  assert.equal(placeOf(hits), "?q=forms%20of#t=8");
  assert.equal(placeOf([]), "");
});

test("a command is found by the beginnings of its words", () => {
  assert.ok(matches("Go to the library", "lib go"));
  assert.ok(!matches("Go to the library", "rary"));
});

test("of a folder only recordings are taken", () => {
  const accepted = "audio/*,.wav,.mp3";
  assert.deepEqual(
    ["Talk.WAV", "notes.txt", ".hidden.wav", "README"].map((name) => isRecording(name, accepted)),
    [true, false, false, false],
  );
});
