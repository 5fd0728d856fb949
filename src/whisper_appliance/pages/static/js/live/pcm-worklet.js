/** The worklet of the audio thread: microphone audio becomes 16 kHz mono PCM16, in packets of 100 ms. */
import { Resampler } from "./resampler.js";

const RATE = 16_000;
const PACKET_SAMPLES = 1600;
const LEVELS_PER_PACKET = 2;

/** @param {Float32Array[]} channels @returns {Float32Array} Their mean. */
function mixDown(channels) {
  const first = /** @type {Float32Array} */ (channels[0]);
  if (channels.length === 1) return first;
  return first.map(
    (_, index) =>
      channels.reduce((sum, channel) => sum + /** @type {number} */ (channel[index]), 0) / channels.length,
  );
}

class PacketProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.packet = new Int16Array(PACKET_SAMPLES);
    this.filled = 0;
    this.isOn = true;
    this.port.onmessage = () => this.finish();
  }

  /** @param {Float32Array[][]} inputs @returns {boolean} */
  process([channels = []]) {
    if (this.isOn && channels.length) this.add(this.resampler.push(mixDown(channels)));
    return this.isOn;
  }

  /** @param {number[]} samples */
  add(samples) {
    for (const sample of samples) {
      this.packet[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32_767);
      this.filled += 1;
      if (this.filled === PACKET_SAMPLES) this.send();
    }
  }

  /** The peaks of the packet's halves, for the waveform. */
  levels() {
    const part = PACKET_SAMPLES / LEVELS_PER_PACKET;
    return Array.from({ length: LEVELS_PER_PACKET }, (_, index) => {
      const samples = this.packet.subarray(index * part, (index + 1) * part);
      return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0) / 32_768;
    });
  }

  send() {
    const { buffer } = this.packet.slice(0, this.filled);
    this.port.postMessage({ pcm: buffer, levels: this.levels() }, [buffer]);
    this.packet.fill(0);
    this.filled = 0;
  }

  finish() {
    if (!this.isOn) return;
    this.add(this.resampler.finish());
    if (this.filled) this.send();
    this.isOn = false;
    this.port.postMessage({ finished: true });
  }
}

registerProcessor("packets", PacketProcessor);
