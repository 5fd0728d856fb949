/** The track's output in the audio thread: silence until the chirp before a packet, then the microphone's samples. */
import { CHIRP_SECONDS, chirp } from "./sync-chirp.js";

export class TrackOutput {
  /** The number of the packet that the track begins with, counted from the start of this worklet. */
  firstPacket = Infinity;
  #position = 0;

  /** @param {number} rate Samples a second. */
  constructor(rate) {
    this.packetSamples = rate * CHIRP_SECONDS;
    this.chirp = chirp(rate);
  }

  get isOn() {
    return this.firstPacket !== Infinity;
  }

  /** Begins with the second packet from now on: the chirp takes the time of the first. */
  begin() {
    this.firstPacket = Math.ceil(this.#position / this.packetSamples) + 1;
  }

  end() {
    this.firstPacket = Infinity;
  }

  /** @param {Float32Array} samples Of the microphone. @param {Float32Array | undefined} output Filled with what the track sends. */
  process(samples, output) {
    const chirpAt = Math.round((this.firstPacket - 1) * this.packetSamples);
    const start = Math.round(this.firstPacket * this.packetSamples);
    samples.forEach((sample, index) => {
      const at = this.#position + index;
      const isChirp = at >= chirpAt && at < start;
      if (output) output[index] = at >= start ? sample : isChirp ? (this.chirp[at - chirpAt] ?? 0) : 0;
    });
    this.#position += samples.length;
  }
}
