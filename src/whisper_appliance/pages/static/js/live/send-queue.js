/** Packets that the appliance has not acknowledged yet. They are numbered by their place, so a lost one leaves no hole. */

export const PACKET_SECONDS = 0.1;
const MOST_PACKETS = 5 * 60 * 10;

export class Outbox {
  /** @type {ArrayBuffer[]} */
  #packets = [];

  /** @param {number} first The number of the next packet. */
  constructor(first = 0) {
    /** Before this number the appliance has everything. */
    this.first = first;
    /** The number of the next packet to send. */
    this.next = first;
    /** How many packets were given up because too many waited. */
    this.lost = 0;
  }

  /** One past the number of the last packet. */
  get end() {
    return this.first + this.#packets.length;
  }

  /** Seconds of audio that the appliance has not acknowledged. */
  get waitingSeconds() {
    return this.#packets.length * PACKET_SECONDS;
  }

  /** How many were sent and wait to be acknowledged. */
  get inFlight() {
    return this.next - this.first;
  }

  /** @param {ArrayBuffer} packet Over the limit the oldest is given up. */
  add(packet) {
    this.#packets.push(packet);
    if (this.#packets.length <= MOST_PACKETS) return;
    this.#packets.shift();
    this.first += 1;
    this.next = Math.max(this.next, this.first);
    this.lost += 1;
  }

  /** All packets follow this one, in a new recording. @param {ArrayBuffer} packet */
  beginWith(packet) {
    this.#packets.unshift(packet);
  }

  /** @returns {{number: number, packet: ArrayBuffer} | null} The next one to send. */
  take() {
    if (this.next >= this.end) return null;
    const number = this.next;
    this.next += 1;
    return { number, packet: this.#packets[number - this.first] };
  }

  /** The appliance has all before this number. @param {number} number */
  acknowledge(number) {
    if (number <= this.first) return;
    this.#packets.splice(0, number - this.first);
    this.first = number;
    this.next = Math.max(this.next, number);
  }

  /** The appliance waits for this number; where packets were given up, those that follow move up. @param {number} number */
  rewind(number) {
    this.acknowledge(number);
    this.first = this.next = number;
  }

  /** This one and those behind it were not taken. @param {number} number */
  again(number) {
    this.next = Math.max(this.first, Math.min(this.next, number));
  }
}
