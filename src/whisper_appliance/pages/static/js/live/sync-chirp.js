/** The sync chirp: a sound that marks where the audio of a track begins. The server's `protocols/sync_chirp.py` finds it. */

export const CHIRP_SECONDS = 0.1; // one packet
const FROM_HERTZ = 600;
const TO_HERTZ = 3000;
const LOUDNESS = 0.5;

/** @param {number} rate Samples a second. @returns {Float32Array} A sine whose frequency rises evenly, under a Hann window. */
export function chirp(rate) {
  const count = Math.round(CHIRP_SECONDS * rate);
  const rise = (TO_HERTZ - FROM_HERTZ) / (2 * CHIRP_SECONDS);
  return Float32Array.from({ length: count }, (_, index) => {
    const time = index / rate;
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / count);
    return LOUDNESS * window * Math.sin(2 * Math.PI * (FROM_HERTZ + rise * time) * time);
  });
}
