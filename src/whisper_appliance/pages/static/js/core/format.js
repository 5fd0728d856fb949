/** Formats numbers, durations, sizes and languages for people. Dates and times of day are in datetime.js. */
import { locale, t } from "./i18n.js";

/**
 * @param {string} language Spoken, by its code of Whisper; empty: unknown.
 * @param {string} [task] "translate": the words are English.
 * @returns {string} The tag of BCP 47 of the words.
 */
export function languageTag(language, task) {
  if (task === "translate") return "en";
  return language === "jw" ? "jv" : language;
}

/** @param {number} seconds @returns {string} A position in a recording: 0:44, 12:05, 1:02:03 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} seconds @returns {string} A duration: 12 s, 5 min, 1 h 20 min */
export function duration(seconds) {
  if (seconds < 1) return t("less than a second");
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest
    ? t("{minutes} h {rest} min", { minutes: Math.floor(minutes / 60), rest })
    : t("{hours} h", { hours: minutes / 60 });
}

/** @param {number} seconds @returns {string} The time that something still takes. */
export function timeLeft(seconds) {
  if (seconds < 10) return t("a few seconds left");
  if (seconds < 55) return t("{seconds} s left", { seconds: Math.ceil(seconds / 10) * 10 });
  return t("{duration} left", { duration: duration(Math.max(60, seconds)) });
}

/** @param {number} share From 0 to 1. @returns {string} Rounded down, so that 100 % is the end. */
export function percent(share) {
  return `${Math.floor(Math.min(1, Math.max(0, share)) * 100)} %`;
}

/** @param {number} count Of bytes. @returns {string} In powers of 1024, as the limits are set. */
export function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB"];
  let size = count;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${shortNumber(size)} ${units[unit]}`;
}

/**
 * @param {number} audioSeconds
 * @param {number} processingSeconds
 * @returns {string | null} "17 × real time"; null where one of them is 0.
 */
export function speed(audioSeconds, processingSeconds) {
  if (!(audioSeconds > 0) || !(processingSeconds > 0)) return null;
  const times = audioSeconds / processingSeconds;
  return t("{times} × real time", { times: shortNumber(times) });
}

/** @param {string} code ISO 639. @returns {string} "German" for de */
export function languageName(code) {
  try {
    return new Intl.DisplayNames([locale()], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** @param {string} title @returns {string} At most 40 characters. */
export function shortTitle(title) {
  return title.length > 40 ? `${title.slice(0, 39)}…` : title;
}

/** @param {number} number @returns {string} With one decimal below 10, as the locale writes it. */
export function shortNumber(number) {
  return decimal(number >= 10 ? Math.round(number) : number);
}

/** @param {number} number @returns {string} With one decimal at most, as the locale writes it. */
export function decimal(number) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 1, useGrouping: false }).format(number);
}
