/** MediaRecorder capture, for browsers without AudioWorklet: the server decodes its chunks as one growing file. */

const CHUNK_MILLISECONDS = 100;
const MAX_PACKET_BYTES = 32_768;
const PAUSE_MILLISECONDS = 1000;
const LEVELS_PER_CHUNK = 2;
/** @type {[string, string][]} Formats by the names of `live:start`, and MIME types. */
const FORMATS = [
  ["webm_opus", "audio/webm;codecs=opus"],
  ["mp4_aac", "audio/mp4;codecs=mp4a.40.2"],
  ["mp4_aac", "audio/mp4"],
];

/** @returns {[string, string] | undefined} The format that this browser records, and its MIME type. */
function supportedFormat() {
  if (!("MediaRecorder" in window)) return undefined;
  return FORMATS.find(([, mimeType]) => MediaRecorder.isTypeSupported(mimeType));
}

export const canRecord = () => supportedFormat() !== undefined;

export class MediaRecorderCapture {
  /** @type {ArrayBuffer | null} The first packet, which has the header: without it, later ones cannot be decoded. */
  head = null;
  #context = new AudioContext();
  #destination = this.#context.createMediaStreamDestination();
  #analyser = this.#context.createAnalyser();
  #samples = new Float32Array(this.#analyser.fftSize);
  /** @type {MediaStreamAudioSourceNode | undefined} */
  #source;
  /** @type {MediaRecorder} */
  #recorder;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pauseTimer;
  #delivered = Promise.resolve();

  /** @param {(packet: ArrayBuffer, levels: number[]) => void} onPacket */
  constructor(onPacket) {
    const [format, mimeType] = /** @type {[string, string]} */ (supportedFormat());
    this.format = format;
    this.onPacket = onPacket;
    this.#recorder = new MediaRecorder(this.#destination.stream, { mimeType, audioBitsPerSecond: 64_000 });
    this.#recorder.ondataavailable = ({ data }) => {
      this.#delivered = this.#delivered.then(async () => this.#deliver(await data.arrayBuffer()));
    };
  }

  /** Captures this stream from now on; the recording goes on across a change. @param {MediaStream} stream */
  async capture(stream) {
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#destination);
    this.#source.connect(this.#analyser);
    await this.#context.resume();
    if (this.#recorder.state === "inactive") this.#recorder.start(CHUNK_MILLISECONDS);
  }

  /** @param {ArrayBuffer} chunk */
  #deliver(chunk) {
    if (!chunk.byteLength) return;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const peak = this.#samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    for (let at = 0; at < chunk.byteLength; at += MAX_PACKET_BYTES) {
      const packet = chunk.slice(at, at + MAX_PACKET_BYTES);
      this.head ??= packet;
      this.onPacket(packet, Array(LEVELS_PER_CHUNK).fill(peak));
    }
  }

  /** Records a second of silence first, so that the server commits the last words. */
  async pause() {
    const pause = () => this.#recorder.state === "recording" && this.#recorder.pause();
    this.#pauseTimer = setTimeout(pause, PAUSE_MILLISECONDS);
  }

  async resume() {
    clearTimeout(this.#pauseTimer);
    if (this.#recorder.state === "paused") this.#recorder.resume();
  }

  /** Resolves when the last chunk was delivered. */
  async finish() {
    clearTimeout(this.#pauseTimer);
    if (this.#recorder.state === "inactive") return;
    const stopped = new Promise((resolve) =>
      this.#recorder.addEventListener("stop", resolve, { once: true }),
    );
    this.#recorder.stop();
    await stopped;
    await this.#delivered;
  }

  release() {
    clearTimeout(this.#pauseTimer);
    this.#recorder.ondataavailable = null;
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    void this.#context.close();
  }
}
