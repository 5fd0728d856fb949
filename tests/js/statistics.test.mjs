/** Statistics of the library without a page: months in a row. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutGaps } from "../../src/whisper_appliance/pages/static/js/library/statistics-dialog.js";

/** @param {string} value */
const month = (value) => ({ value, transcripts: 1, seconds: 60 });

test("months without transcripts are between the others, over the end of a year too", () => {
  assert.deepEqual(withoutGaps([]), []);
  const months = withoutGaps([month("2025-11"), month("2026-02")]);
  assert.deepEqual(
    months.map(({ value, transcripts }) => [value, transcripts]),
    [
      ["2025-11", 1],
      ["2025-12", 0],
      ["2026-01", 0],
      ["2026-02", 1],
    ],
  );
});

test("of many months, the last two years are shown", () => {
  const months = withoutGaps([month("2001-01"), month("2026-03")]);
  assert.equal(months.length, 24);
  assert.equal(months[0]?.value, "2024-04");
});
