/** Loading again and again: often while something runs, rarely while idle, not while the page is hidden. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { startPolling } from "../../src/whisper_appliance/pages/static/js/core/polling.js";
import { pauseSeconds } from "../../src/whisper_appliance/pages/static/js/queue/queue-page.js";

let page = Object.assign(new EventTarget(), { hidden: false });
/** What the appliance answers next. @type {Pick<import("../../src/whisper_appliance/pages/static/js/core/api.js").Responses["GET /api/jobs"]["jobs"][number], "status">[]} */
let jobs = [];
let loads = 0;
/** @type {unknown[]} */
let errors = [];

beforeEach(() => {
  page = Object.assign(new EventTarget(), { hidden: false });
  globalThis.document = /** @type {any} */ (page);
  [jobs, loads, errors] = [[], 0, []];
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  mock.timers.reset();
  globalThis.document = /** @type {any} */ (undefined);
});

/** As the queue page polls. @param {() => Promise<void>} [answer] */
const start = (answer = () => Promise.resolve()) =>
  startPolling({
    load: async () => {
      loads += 1;
      await answer();
    },
    onError: (error) => errors.push(error),
    pauseSeconds: () => pauseSeconds(jobs),
  });

/** @param {number} seconds */
async function forward(seconds) {
  for (let second = 0; second < seconds; second += 1) {
    await new Promise(setImmediate);
    mock.timers.tick(1000);
  }
  await new Promise(setImmediate);
}

test("while nothing runs or waits, the appliance is asked every 20 seconds", async () => {
  jobs = [{ status: "done" }, { status: "failed" }];
  start();
  await forward(60);
  assert.equal(loads, 4);
});

for (const status of /** @type {const} */ (["running", "queued"])) {
  test(`while a recording is ${status}, the appliance is asked every 2 seconds`, async () => {
    jobs = [{ status: "done" }, { status }];
    start();
    await forward(60);
    assert.equal(loads, 31);
  });
}

test("a hidden page asks nothing, and at once when it is shown again", async () => {
  jobs = [{ status: "running" }];
  start();
  await forward(2);
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  await forward(60);
  assert.equal(loads, 2);
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(loads, 3);
  await forward(4);
  assert.equal(loads, 5);
});

test("after a lost connection, it is asked at once", async () => {
  start();
  await forward(1);
  page.dispatchEvent(new Event("reconnected"));
  assert.equal(loads, 2);
});

test("an error is passed on, and asking goes on", async () => {
  jobs = [{ status: "running" }];
  start(() => Promise.reject(new Error("no")));
  await forward(4);
  assert.deepEqual([loads, errors.length], [3, 3]);
});

test("only the newest of two loads sets the next one", async () => {
  jobs = [{ status: "running" }];
  const refresh = start();
  void refresh();
  await forward(2);
  assert.equal(loads, 3);
});
