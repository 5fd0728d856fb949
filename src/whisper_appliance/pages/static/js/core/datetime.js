/** Moments as lists of sessions, keys and users show them. */
import { day, timeOfDay } from "./format.js";

/** @param {string | null} iso @returns {string} "Today, 14:05" */
export function moment(iso) {
  return iso ? `${day(iso)}, ${timeOfDay(iso)}`.replaceAll(" ", "\u00a0") : "never";
}

/** The same in the middle of a sentence. @param {string | null} iso @returns {string} "today, 14:05" */
export function when(iso) {
  return moment(iso).replace(/^(Today|Yesterday)/, (word) => word.toLowerCase());
}

/** @param {string} [agent] What a browser calls itself. @returns {string} "Firefox on Linux" */
export function browserName(agent = "") {
  const browser = [
    ["Edg/", "Edge"],
    ["OPR/", "Opera"],
    ["Firefox/", "Firefox"],
    ["Chrome/", "Chrome"],
    ["Safari/", "Safari"],
    ["curl/", "curl"],
  ].find(([mark]) => agent.includes(mark))?.[1];
  const system = [
    ["Android", "Android"],
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Windows", "Windows"],
    ["Mac OS", "macOS"],
    ["Linux", "Linux"],
  ].find(([mark]) => agent.includes(mark))?.[1];
  if (!browser) return agent.slice(0, 60) || "Unknown browser";
  return system ? `${browser} on ${system}` : browser;
}
