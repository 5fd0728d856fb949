/** Send queue: audio packets that the server has not acknowledged. A packet's number is its position in the recording. */

export const PACKET_SECONDS = 0.1;
const MAX_PACKETS = 5 * 60 * 10; // five minutes

export class SendQueue {
  /** @type {ArrayBuffer[]} */
  #packets = [];

  /** @param {number} first The number of the next packet. */
  constructor(first = 0) {
    /** The server has every packet before this number. */
    this.first = first;
    /** The number of the next packet to send. */
    this.next = first;
    /** How many packets were dropped because too many waited. */
    this.lost = 0;
  }

  /** One past the number of the last packet. */
  get end() {
    return this.first + this.#packets.length;
  }

  /** Seconds of audio that are not acknowledged. */
  get waitingSeconds() {
    return this.#packets.length * PACKET_SECONDS;
  }

  /** How many packets were sent and are not acknowledged. */
  get inFlight() {
    return this.next - this.first;
  }

  /** @param {ArrayBuffer} packet Over the limit the oldest one is dropped. */
  add(packet) {
    this.#packets.push(packet);
    if (this.#packets.length <= MAX_PACKETS) return;
    this.#packets.shift();
    this.first += 1;
    this.next = Math.max(this.next, this.first);
    this.lost += 1;
  }

  /** Puts a packet before all others, for a new recording. @param {ArrayBuffer} packet */
  prepend(packet) {
    this.#packets.unshift(packet);
  }

  /** @returns {{number: number, packet: ArrayBuffer} | null} The next packet to send. */
  take() {
    const number = this.next;
    const packet = this.#packets[number - this.first];
    if (!packet) return null;
    this.next += 1;
    return { number, packet };
  }

  /** The server has every packet before this number. @param {number} number */
  acknowledge(number) {
    if (number <= this.first) return;
    this.#packets.splice(0, number - this.first);
    this.first = number;
    this.next = Math.max(this.next, number);
  }

  /** The server expects this number. Where packets were dropped, those that follow move up. @param {number} number */
  rewind(number) {
    this.acknowledge(number);
    this.first = number;
    this.next = number;
  }

  /** The server refused this packet and those after it: they are sent again. @param {number} number */
  resend(number) {
    this.next = Math.max(this.first, Math.min(this.next, number));
  }
}
