/** Times that people correct: hours, minutes, and seconds to the hundredth. */

/** @param {number} seconds @returns {string} 0:04.25, 1:02:03.50 */
export function preciseClock(seconds) {
  const hundredths = Math.max(0, Math.round(seconds * 100));
  const [h, m, s] = [Math.floor(hundredths / 360_000), Math.floor(hundredths / 6000) % 60, hundredths % 6000];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor(s / 100))}.${two(s % 100)}`;
  return h ? `${h}:${two(m)}:${rest}` : `${m}:${rest}`;
}

/** @param {string} text As `preciseClock` writes it, or seconds alone; a comma is a point. @returns {number | null} Seconds. */
export function secondsOf(text) {
  const match = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5}(?:[.,]\d{1,3})?)$/.exec(text.trim());
  if (!match) return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = match;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(",", "."));
}
