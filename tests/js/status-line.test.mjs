/** The status line of the live view: the sentence that matters most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { statusOf } from "../../src/whisper_appliance/pages/static/js/live/status-line.js";

/** @param {Record<string, unknown>} [changes] @returns {any} A session in which all is well. */
function session(changes = {}) {
  return {
    queue: { end: 0, waitingSeconds: 0, lost: 0 },
    attached: true,
    reached: true,
    begun: true,
    trouble: null,
    socket: { connected: true },
    ticket: { maxSeconds: 3600 },
    ...changes,
  };
}
const recorded = (/** @type {number} */ seconds) =>
  session({ queue: { end: seconds * 10, waitingSeconds: 0, lost: 0 } });
const waiting = (/** @type {number} */ seconds, changes = {}) =>
  session({ queue: { end: 0, waitingSeconds: seconds, lost: 0 }, ...changes });

test("without anything to show there is no sentence", () => {
  assert.equal(statusOf("on", session(), 0, "").text, "");
  assert.equal(statusOf("off", null, 0, "").text, "");
});

test("the time limit is announced five minutes before", () => {
  assert.equal(statusOf("on", recorded(3299), 0, "").text, "");
  assert.match(
    statusOf("on", recorded(3301), 0, "").text,
    /^In 5 minutes this recording is as long as one may be\./,
  );
  assert.match(statusOf("on", recorded(3590), 0, "").text, /^In 1 minute /);
});

test("a lost connection is shown with what waits", () => {
  const status = statusOf("on", waiting(12, { attached: false, socket: { connected: false } }), 0, "");
  assert.equal(status.text, "Reconnecting. Nothing is lost: 12 s are waiting.");
  assert.equal(status.grave, true);
  assert.equal(
    statusOf("on", waiting(1, { reached: false }), 0, "").text,
    "Reconnecting. Nothing is lost: 1 s is waiting.",
  );
});

test("lost audio matters more than everything else", () => {
  const lost = session({ queue: { end: 0, waitingSeconds: 300, lost: 15 }, attached: false });
  assert.match(statusOf("on", lost, 0, "An error.").text, /2 seconds of the oldest are lost\.$/);
});

test("a delay is shown as catching up", () => {
  assert.equal(statusOf("on", waiting(2), 0, "").text, "");
  assert.equal(statusOf("on", waiting(3), 0, "").kind, "catching-up");
  assert.equal(statusOf("on", waiting(3, { begun: false }), 0, "").kind, "connecting");
});

test("silence is reported after six seconds", () => {
  assert.equal(statusOf("on", session(), 120, "").text, "");
  assert.equal(statusOf("on", session(), 121, "").kind, "quiet");
});
