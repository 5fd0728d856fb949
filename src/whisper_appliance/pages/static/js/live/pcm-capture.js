/** PCM capture: an AudioWorklet turns a stream into 16 kHz packets of 100 ms. */

const WORKLET = new URL("./pcm-worklet.js", import.meta.url).href;
const FINISH_MILLISECONDS = 1000;
const PAUSE_PACKETS = 10;
const PACKET_BYTES = 3200;

/** @typedef {(packet: ArrayBuffer, levels: number[], beginsTrack?: boolean) => void} OnPacket `beginsTrack`: it is the first of the track. */

export class PcmCapture {
  format = "pcm_s16le";
  head = null;
  /** @type {AudioWorkletNode | undefined} */
  #node;
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {MediaStreamTrack | undefined} */
  #track;
  /** @type {Promise<AudioContext> | undefined} */
  #prepared;

  /** @param {OnPacket} onPacket @param {boolean} [hasTrack] Whether a track with the same samples is made, for WebRTC. */
  constructor(onPacket, hasTrack = false) {
    this.onPacket = onPacket;
    this.hasTrack = hasTrack;
  }

  /** @returns {import("./transmission.js").Source | null} */
  get source() {
    if (!this.#track) return null;
    const port = this.#node?.port;
    const control = (/** @type {string} */ command) => port?.postMessage(command);
    return { track: this.#track, begin: () => control("begin-track"), end: () => control("end-track") };
  }

  /** Loads the worklet meanwhile, so that the next stream is captured from its first sample on. */
  prepare() {
    const context = new AudioContext({ latencyHint: "interactive" });
    const loading = context.audioWorklet.addModule(WORKLET);
    this.#prepared = loading.then(() => context);
    this.#prepared.catch(() => void context.close()); // `capture` meets the error
  }

  /** Captures this stream from now on. Each has a context of its own, because streams differ in their rates. @param {MediaStream} stream */
  async capture(stream) {
    if (!this.#prepared) this.prepare();
    const context = await /** @type {Promise<AudioContext>} */ (this.#prepared);
    this.#prepared = undefined;
    try {
      const node = new AudioWorkletNode(context, "packets", {
        numberOfOutputs: Number(this.hasTrack),
        ...(this.hasTrack && { outputChannelCount: [1] }),
      });
      const source = context.createMediaStreamSource(stream);
      await this.finish();
      this.release();
      node.port.onmessage = ({ data }) => data.pcm && this.onPacket(data.pcm, data.levels, data.beginsTrack);
      if (this.hasTrack) {
        const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
        node.connect(destination);
        this.#track = destination.stream.getAudioTracks()[0];
      }
      source.connect(node);
      [this.#context, this.#node] = [context, node];
      await context.resume();
    } catch (error) {
      if (this.#context !== context) void context.close();
      throw error;
    }
  }

  /** Captures nothing more, and sends a second of silence, so that the server commits the last words. */
  async pause() {
    await this.#context?.suspend();
    for (let count = 0; count < PAUSE_PACKETS; count += 1) this.onPacket(new ArrayBuffer(PACKET_BYTES), []);
  }

  async resume() {
    await this.#context?.resume();
  }

  /** Resolves when the last packet was delivered. */
  async finish() {
    const node = this.#node;
    if (!node || this.#context?.state !== "running") return;
    const finished = new Promise((resolve) => {
      const deliver = node.port.onmessage;
      node.port.onmessage = (event) =>
        event.data.finished ? resolve(null) : deliver?.call(node.port, event);
    });
    node.port.postMessage("finish");
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, FINISH_MILLISECONDS))]);
  }

  release() {
    void this.#prepared?.then((context) => context.close()).catch(() => {});
    this.#prepared = undefined;
    void this.#context?.close();
    this.#context = undefined;
    this.#track = undefined;
    this.#node = undefined;
  }
}
