/** What a stream says, sample by sample: an AudioWorklet makes 16 kHz packets of it. */

const WORKLET = new URL("./pcm-worklet.js", import.meta.url).href;
const FINISH_MILLISECONDS = 1000;
const SETTLE_PACKETS = 10;
const PACKET_BYTES = 3200;

export class Samples {
  format = "pcm_s16le";
  head = null;
  /** @type {AudioWorkletNode | undefined} */
  #node;
  /** @type {AudioContext | undefined} */
  #context;

  /** @param {(packet: ArrayBuffer, levels: number[]) => void} onPacket */
  constructor(onPacket) {
    this.onPacket = onPacket;
  }

  /** Listens to this from now on: in a context of its own, since streams differ in their rates. @param {MediaStream} stream */
  async listen(stream) {
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(WORKLET);
      const node = new AudioWorkletNode(context, "packets", { numberOfOutputs: 0 });
      const source = context.createMediaStreamSource(stream);
      await this.finish();
      this.release();
      node.port.onmessage = ({ data }) => data.pcm && this.onPacket(data.pcm, data.levels);
      source.connect(node);
      [this.#context, this.#node] = [context, node];
      await context.resume();
    } catch (error) {
      if (this.#context !== context) void context.close();
      throw error;
    }
  }

  /** Nothing is heard any more; a second of silence settles the last words. */
  async pause() {
    await this.#context?.suspend();
    for (let count = 0; count < SETTLE_PACKETS; count += 1) this.onPacket(new ArrayBuffer(PACKET_BYTES), []);
  }

  async resume() {
    await this.#context?.resume();
  }

  /** Ends, when the last packet is out. */
  async finish() {
    const node = this.#node;
    if (!node || this.#context?.state !== "running") return;
    const finished = new Promise((resolve) => {
      const take = node.port.onmessage;
      node.port.onmessage = (event) => (event.data.finished ? resolve(null) : take?.call(node.port, event));
    });
    node.port.postMessage("finish");
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, FINISH_MILLISECONDS))]);
  }

  release() {
    void this.#context?.close();
    this.#context = this.#node = undefined;
  }
}
