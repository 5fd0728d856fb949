/** The worklet of the audio thread: microphone audio becomes 16 kHz mono PCM16, in packets of 100 ms. */
import { Resampler } from "./resampler.js";
import { TrackOutput } from "./track-output.js";

const RATE = 16_000;
const PACKET_SAMPLES = 1600;
const BLOCK_SAMPLES = 128;
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
    this.sent = 0;
    this.isOn = true;
    this.track = new TrackOutput(sampleRate);
    this.silence = new Float32Array(BLOCK_SAMPLES);
    this.port.onmessage = ({ data }) => this.control(data);
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs The track, if there is one. @returns {boolean} */
  process([channels = []], [output]) {
    // While the track is on, it and the packets keep the same time, also without a microphone.
    if (this.isOn && (channels.length || this.track.isOn)) {
      const samples = channels.length ? mixDown(channels) : this.silence;
      this.track.process(samples, output?.[0]);
      this.add(this.resampler.push(samples));
    }
    return this.isOn;
  }

  /** @param {"finish" | "begin-track" | "end-track"} command */
  control(command) {
    if (command === "begin-track") this.track.begin();
    else if (command === "end-track") this.track.end();
    else this.finish();
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
    const beginsTrack = this.sent === this.track.firstPacket;
    this.port.postMessage({ pcm: buffer, levels: this.levels(), beginsTrack }, [buffer]);
    this.sent += 1;
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
