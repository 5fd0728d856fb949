/** Peaks of a waveform: reads the format of audiowaveform (`audio/peaks.py`), and makes bars of it. */

const HEADER_BYTES = 20;
const LOUDEST_OF_SILENCE = 8; // of 127: what is never louder is drawn small, because it is noise

/** @typedef {{seconds: number, low: Int8Array, high: Int8Array}} Peaks Lowest and highest samples; how long all last. */

/** @param {ArrayBuffer} data @returns {Peaks | null} null for another format. */
export function readPeaks(data) {
  if (data.byteLength < HEADER_BYTES) return null;
  const view = new DataView(data);
  const count = view.getUint32(16, true);
  const isEightBit = view.getUint32(4, true) === 1;
  if (view.getInt32(0, true) !== 1 || !isEightBit || data.byteLength < HEADER_BYTES + 2 * count) return null;
  const pairs = new Int8Array(data, HEADER_BYTES, 2 * count);
  return {
    seconds: (count * view.getInt32(12, true)) / view.getInt32(8, true),
    low: pairs.filter((_, index) => index % 2 === 0),
    high: pairs.filter((_, index) => index % 2 === 1),
  };
}

/** @param {string} address @returns {Promise<Peaks | null>} null if there is no waveform. */
export async function fetchPeaks(address) {
  try {
    const response = await fetch(address);
    return response.ok ? readPeaks(await response.arrayBuffer()) : null;
  } catch {
    return null;
  }
}

/**
 * @param {Peaks} peaks @param {number} count
 * @returns {number[]} The heights of so many bars, from 0 to 1; the loudest of the recording is 1.
 */
export function barHeights({ low, high }, count) {
  const heights = Array.from({ length: count }, (_, bar) => {
    const from = Math.floor((bar * high.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * high.length) / count));
    let height = 0;
    for (let at = from; at < Math.min(to, high.length); at += 1) {
      height = Math.max(height, high[at] ?? 0, -(low[at] ?? 0));
    }
    return height;
  });
  const loudest = Math.max(LOUDEST_OF_SILENCE, ...heights);
  return heights.map((height) => height / loudest);
}

/**
 * @param {number[]} heights @param {number} gap The share of its width that a bar leaves free.
 * @returns {string} The bars as the path of an SVG with the view box `0 -1 count 2`.
 */
export function barsPath(heights, gap = 0.35) {
  const width = (1 - gap).toFixed(2);
  return heights
    .map((height, bar) => {
      const half = Math.max(0.03, height).toFixed(3);
      return `M${bar} -${half}h${width}V${half}h-${width}z`;
    })
    .join("");
}
