/** In the audio thread: whatever the microphone gives becomes 16 kHz mono PCM16, in packets of 100 ms. */
import { Resampler } from "./resampler.js";

const RATE = 16_000;
const PACKET_SAMPLES = 1600;
const LEVELS_PER_PACKET = 2;

class Packets extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.packet = new Int16Array(PACKET_SAMPLES);
    this.filled = 0;
    this.on = true;
    this.port.onmessage = () => this.finish();
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (this.on && channels.length) this.take(this.resampler.push(this.mixed(channels)));
    return this.on;
  }

  /** @param {Float32Array[]} channels */
  mixed(channels) {
    if (channels.length === 1) return channels[0];
    return channels[0].map(
      (_, index) => channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length,
    );
  }

  /** @param {number[]} samples */
  take(samples) {
    for (const sample of samples) {
      this.packet[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32_767);
      this.filled += 1;
      if (this.filled === PACKET_SAMPLES) this.send();
    }
  }

  /** The peaks of the packet's parts are its picture. */
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
    if (!this.on) return;
    this.take(this.resampler.finish());
    if (this.filled) this.send();
    this.on = false;
    this.port.postMessage({ finished: true });
  }
}

registerProcessor("packets", Packets);
