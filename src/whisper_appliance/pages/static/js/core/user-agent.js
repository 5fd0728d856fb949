/** Names browsers and operating systems by their user agent string. */
import { t } from "./i18n.js";

/** @type {[string, string][]} The first mark that is found counts: Edge and Opera also contain "Chrome/". */
const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
  ["curl/", "curl"],
];
/** @type {[string, string][]} */
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
];

/** @param {string} [agent] @returns {string} "Firefox on Linux" */
export function browserName(agent = "") {
  const browser = BROWSERS.find(([mark]) => agent.includes(mark))?.[1];
  const system = SYSTEMS.find(([mark]) => agent.includes(mark))?.[1];
  if (!browser) return agent.slice(0, 60) || t("Unknown browser");
  return system ? t("{browser} on {system}", { browser, system }) : browser;
}
