/** Formats dates and times of day in the browser's time zone. */
import { locale, t } from "./i18n.js";

const TIME = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @param {string} iso @returns {string} "14:05" */
export function timeOfDay(iso) {
  return TIME.format(new Date(iso));
}

/** @param {string} iso @param {Date} [now] @returns {string} Today, Yesterday, 3 March, 3 March 2025. */
export function day(iso, now = new Date()) {
  const date = new Date(iso);
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days === 0) return t("Today");
  if (days === 1) return t("Yesterday");
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(locale(), { day: "numeric", month: "long", year }).format(date);
}

/** @param {string} date Such as 2026-03-01. @returns {string} "1 March" */
export function dayOf(date) {
  return day(`${date}T00:00`);
}

/** @param {string} iso @returns {string} "Today, 14:05" */
export function dayAndTime(iso) {
  return `${day(iso)}, ${timeOfDay(iso)}`;
}

/** For a cell of a table, in which it does not break. @param {string | null} iso @returns {string} */
export function dayAndTimeCell(iso) {
  return iso ? dayAndTime(iso).replaceAll(" ", "\u00a0") : t("never");
}

/** For the middle of a sentence. @param {string | null} iso @returns {string} "today, 14:05" */
export function dayAndTimeInline(iso) {
  const cell = dayAndTimeCell(iso);
  const word = [t("Today"), t("Yesterday")].find((each) => cell.startsWith(each));
  return word ? word.toLowerCase() + cell.slice(word.length) : cell;
}
