/** For browsers without AudioWorklet: their MediaRecorder, whose chunks the appliance takes as one growing file. */

const SLICE_MILLISECONDS = 100;
const MOST_BYTES = 32_768;
const SETTLE_MILLISECONDS = 1000;
const LEVELS_PER_CHUNK = 2;
const KINDS = /** @type {[string, string][]} */ ([
  ["webm_opus", "audio/webm;codecs=opus"],
  ["mp4_aac", "audio/mp4;codecs=mp4a.40.2"],
  ["mp4_aac", "audio/mp4"],
]);

/** @returns {[string, string] | undefined} The appliance's name of what this browser records, and the browser's own. */
const kind = () =>
  "MediaRecorder" in window ? KINDS.find(([, type]) => MediaRecorder.isTypeSupported(type)) : undefined;

export const canRecordChunks = () => kind() !== undefined;

export class Chunks {
  /** @type {ArrayBuffer | null} The first packet: without it, a later one cannot be read. */
  head = null;
  #context = new AudioContext();
  #into = this.#context.createMediaStreamDestination();
  #meter = this.#context.createAnalyser();
  #wave = new Float32Array(this.#meter.fftSize);
  /** @type {MediaStreamAudioSourceNode | undefined} */
  #source;
  /** @type {MediaRecorder} */
  #recorder;
  #pausing = 0;
  #delivered = Promise.resolve();

  /** @param {(packet: ArrayBuffer, levels: number[]) => void} onPacket */
  constructor(onPacket) {
    const [format, mimeType] = /** @type {[string, string]} */ (kind());
    this.format = format;
    this.onPacket = onPacket;
    this.#recorder = new MediaRecorder(this.#into.stream, { mimeType, audioBitsPerSecond: 64_000 });
    this.#recorder.ondataavailable = ({ data }) => {
      this.#delivered = this.#delivered.then(async () => this.#deliver(await data.arrayBuffer()));
    };
  }

  /** Listens to this from now on; the recording goes on whatever it hears. @param {MediaStream} stream */
  async listen(stream) {
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#into);
    this.#source.connect(this.#meter);
    await this.#context.resume();
    if (this.#recorder.state === "inactive") this.#recorder.start(SLICE_MILLISECONDS);
  }

  /** @param {ArrayBuffer} chunk */
  #deliver(chunk) {
    if (!chunk.byteLength) return;
    this.#meter.getFloatTimeDomainData(this.#wave);
    const peak = this.#wave.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    for (let at = 0; at < chunk.byteLength; at += MOST_BYTES) {
      const packet = chunk.slice(at, at + MOST_BYTES);
      this.head ??= packet;
      this.onPacket(packet, Array(LEVELS_PER_CHUNK).fill(peak));
    }
  }

  /** Nothing is heard any more; the silence settles the last words. */
  async pause() {
    this.#pausing = setTimeout(
      () => this.#recorder.state === "recording" && this.#recorder.pause(),
      SETTLE_MILLISECONDS,
    );
  }

  async resume() {
    clearTimeout(this.#pausing);
    if (this.#recorder.state === "paused") this.#recorder.resume();
  }

  /** Ends, when the last chunk is out. */
  async finish() {
    clearTimeout(this.#pausing);
    if (this.#recorder.state === "inactive") return;
    const stopped = new Promise((resolve) =>
      this.#recorder.addEventListener("stop", resolve, { once: true }),
    );
    this.#recorder.stop();
    await stopped;
    await this.#delivered;
  }

  release() {
    clearTimeout(this.#pausing);
    this.#recorder.ondataavailable = null;
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    void this.#context.close();
  }
}
