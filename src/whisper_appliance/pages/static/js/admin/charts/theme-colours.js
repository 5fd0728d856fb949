/** The theme's colours for a canvas: CSS variables resolved to RGBA, and resolved again when the theme changes. */
import { element } from "../../core/dom.js";

export class ThemeColours {
  #probe = element("span", undefined, "hidden");
  /** @type {Map<string, string>} */
  #resolved = new Map();
  /** @type {Set<() => void>} */
  #listeners = new Set();

  constructor() {
    this.#probe.setAttribute("aria-hidden", "true");
    document.body.append(this.#probe);
    const onChange = () => this.#onChange();
    new MutationObserver(onChange).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  }

  /** @param {string} name Of a CSS variable, such as "accent". @param {number} [opacity] From 0 to 1. @returns {string} */
  colour(name, opacity = 1) {
    const key = `${name} ${opacity}`;
    const resolved = this.#resolved.get(key) ?? this.#resolve(name, opacity);
    this.#resolved.set(key, resolved);
    return resolved;
  }

  /** @param {string} name @param {number} opacity */
  #resolve(name, opacity) {
    this.#probe.style.color = `var(--${name})`;
    const [r, g, b] = getComputedStyle(this.#probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"];
    return `rgba(${r}, ${g}, ${b}, ${opacity})`;
  }

  /** @returns {string} The font of axes. */
  axisFont() {
    return `12px ${getComputedStyle(document.body).fontFamily}`;
  }

  /** @param {() => void} run Called after each change of the theme. */
  onChange(run) {
    this.#listeners.add(run);
  }

  #onChange() {
    this.#resolved.clear();
    for (const run of this.#listeners) run();
  }
}
