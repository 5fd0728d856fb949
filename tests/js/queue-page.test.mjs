/** The facts of a job on the page of the queue. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { jobFacts } from "../../src/whisper_appliance/pages/static/js/queue/queue-page.js";

/** @typedef {Parameters<typeof jobFacts>[0]} Job */

/** @param {Partial<Job>} [facts] */
const done = (facts) => /** @type {Job} */ ({ status: "done", title: "Talk", duration: 65, ...facts });

test("a translation is told apart from the transcript of the same recording", () => {
  assert.deepEqual(jobFacts(done()), ["1:05"]);
  assert.deepEqual(jobFacts(done({ translation_of: "a".repeat(32) })), ["Translation into English", "1:05"]);
});
