/** Numbers and times as people say them. */

/** @param {number} seconds @returns {string} 0:44, 12:05, 1:02:03 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} seconds @returns {string} How long something took or will take, in words. */
export function span(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${minutes / 60} h`;
}

/** @param {number} seconds @returns {string} */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `${Math.ceil(seconds / 10) * 10} s left`;
  return `${span(Math.max(60, seconds))} left`;
}

/** @param {number} share from 0 to 1 @returns {string} */
export function percent(share) {
  return `${Math.floor(Math.min(1, Math.max(0, share)) * 100)} %`;
}

/** @param {number} bytes @returns {string} In powers of two, as the limits are set. */
export function bytes(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size >= 10 || unit === 0 || Number.isInteger(size) ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** @param {number} duration @param {number} took @returns {string | null} "17 × real time" */
export function speed(duration, took) {
  if (!(duration > 0) || !(took > 0)) return null;
  const times = duration / took;
  return `${times >= 10 ? Math.round(times) : times.toFixed(1).replace(/\.0$/, "")} × real time`;
}

/** @param {string} code @returns {string} "German" for de */
export function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @param {string} iso @returns {string} The local time of day. */
export function timeOfDay(iso) {
  return TIME.format(new Date(iso));
}

/** @param {string} iso @param {Date} [now] @returns {string} Today, Yesterday, 3 March, 3 March 2025. */
export function day(iso, now = new Date()) {
  const date = new Date(iso);
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year }).format(date);
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
