/** Sums of the statistics by day and by group. */
import { noon } from "./charts/day-chart.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/statistics"]["days"][number]} Entry
 * @typedef {{count: number, audio_seconds: number, processing_seconds: number}} Amount
 * @typedef {Amount & {name: string, share: number}} Group
 */

const DAY_SECONDS = 86_400;

/** @param {Amount[]} amounts @returns {Amount} */
export function sum(amounts) {
  const total = { count: 0, audio_seconds: 0, processing_seconds: 0 };
  for (const { count, audio_seconds, processing_seconds } of amounts) {
    total.count += count;
    total.audio_seconds += audio_seconds;
    total.processing_seconds += processing_seconds;
  }
  return total;
}

/** @param {{day: string}[]} entries The oldest first. @returns {string[]} Every day from the first to the last. */
export function calendar(entries) {
  const [first, last] = [entries[0], entries.at(-1)];
  if (!first || !last) return [];
  const days = [];
  for (let time = noon(first.day); time <= noon(last.day); time += DAY_SECONDS) {
    days.push(new Date(time * 1000).toISOString().slice(0, 10));
  }
  return days;
}

/** @template {Amount} E @param {E[]} entries @param {(entry: E) => string} groupOf @returns {Group[]} The largest first. */
export function groupBy(entries, groupOf) {
  const total = sum(entries).audio_seconds;
  const names = [...new Set(entries.map(groupOf))];
  const groups = names.map((name) => {
    const amount = sum(entries.filter((entry) => groupOf(entry) === name));
    return { name, ...amount, share: total ? amount.audio_seconds / total : 0 };
  });
  return groups.sort((a, b) => b.audio_seconds - a.audio_seconds);
}
