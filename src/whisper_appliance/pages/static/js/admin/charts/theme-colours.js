/** The colours of the theme as a canvas needs them: resolved, and asked for anew when the theme changes. */
import { element } from "../../core/dom.js";

const probe = element("span", undefined, "hidden");
probe.setAttribute("aria-hidden", "true");
/** @type {Map<string, string>} */
const known = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {string} name Of a token, such as "accent". @param {number} [share] How much of it, from 0 to 1. @returns {string} */
export function colour(name, share = 1) {
  const key = `${name} ${share}`;
  let found = known.get(key);
  if (found === undefined) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${name})`;
    const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"];
    found = `rgba(${r}, ${g}, ${b}, ${share})`;
    known.set(key, found);
  }
  return found;
}

/** @returns {string} The font of axes. */
export function axisFont() {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

/** Calls `run` whenever the colours are others. @param {() => void} run */
export function onColours(run) {
  listeners.add(run);
}

function changed() {
  known.clear();
  for (const run of listeners) run();
}

new MutationObserver(changed).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
