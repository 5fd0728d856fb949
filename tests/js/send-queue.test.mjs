/** The send queue of a live session: numbers, acknowledgements, gaps, and the limit of five minutes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SendQueue } from "../../src/whisper_appliance/pages/static/js/live/send-queue.js";

const packet = (/** @type {number} */ number) => Uint8Array.of(number).buffer;
const contentOf = (/** @type {{packet: ArrayBuffer} | null} */ sent) =>
  sent && new Uint8Array(sent.packet)[0];

/** @param {number} packets @returns {SendQueue} */
function filled(packets) {
  const queue = new SendQueue();
  for (let number = 0; number < packets; number += 1) queue.add(packet(number));
  return queue;
}

test("packets are sent in order, each with its position", () => {
  const queue = filled(2);
  assert.deepEqual(queue.take(), { number: 0, packet: packet(0) });
  assert.deepEqual(queue.take(), { number: 1, packet: packet(1) });
  assert.equal(queue.take(), null);
  assert.equal(queue.inFlight, 2);
});

test("an acknowledgement removes all packets before its number", () => {
  const queue = filled(5);
  queue.take();
  queue.take();
  queue.acknowledge(2);
  assert.equal(queue.first, 2);
  assert.equal(queue.inFlight, 0);
  assert.equal(queue.waitingSeconds.toFixed(1), "0.3");
  assert.equal(queue.take()?.number, 2);
});

test("an old acknowledgement changes nothing", () => {
  const queue = filled(3);
  queue.take();
  queue.acknowledge(1);
  queue.acknowledge(0);
  assert.equal(queue.first, 1);
  assert.equal(queue.end, 3);
});

test("packets of a session that another page sent are not sent again", () => {
  const queue = filled(3);
  queue.acknowledge(2);
  assert.equal(contentOf(queue.take()), 2);
});

test("refused packets are sent again", () => {
  const queue = filled(4);
  for (let count = 0; count < 3; count += 1) queue.take();
  queue.resend(1);
  assert.equal(queue.take()?.number, 1);
  queue.resend(9);
  assert.equal(queue.next, 2, "only packets that were sent can be sent again");
});

test("a rewind numbers the waiting packets anew", () => {
  const queue = filled(3);
  queue.take();
  queue.rewind(0);
  assert.equal(queue.take()?.number, 0);
  queue.rewind(1);
  assert.equal(contentOf(queue.take()), 1);
});

test("a new recording begins with the header of the old one", () => {
  const queue = filled(2);
  queue.rewind(0);
  queue.prepend(packet(99));
  assert.equal(contentOf(queue.take()), 99);
  assert.equal(contentOf(queue.take()), 0);
});

test("over five minutes the oldest packets are dropped, and the rest closes the gap", () => {
  const queue = filled(3002);
  assert.equal(queue.lost, 2);
  assert.equal(Math.round(queue.waitingSeconds), 300);
  assert.equal(queue.take()?.number, 2);
  queue.rewind(0);
  assert.deepEqual([queue.first, queue.end], [0, 3000]);
});
