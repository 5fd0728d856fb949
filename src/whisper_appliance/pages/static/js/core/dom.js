/** Finds and makes elements of the page. Data become text nodes only, never markup. */

const SPRITE = new URL("../../vendor/icons.svg", import.meta.url).href;
const SVG = "http://www.w3.org/2000/svg";

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} The element of this page with that id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`This page has no #${id}`);
  return /** @type {T} */ (element);
}

/** @param {string} id @returns {HTMLInputElement} */
export const inputById = (id) => byId(id);

/** @param {string} id @returns {HTMLSelectElement} */
export const selectById = (id) => byId(id);

/** @param {string} id @returns {HTMLButtonElement} */
export const buttonById = (id) => byId(id);

/** @param {string} id @returns {HTMLFormElement} */
export const formById = (id) => byId(id);

/** @param {string} id @returns {HTMLDialogElement} */
export const dialogById = (id) => byId(id);

/** @param {string} id @returns {HTMLTableElement} */
export const tableById = (id) => byId(id);

/** @template {HTMLElement} [T=HTMLElement] @param {ParentNode} within @param {string} selector @returns {T[]} */
export function all(within, selector) {
  return /** @type {T[]} */ ([...within.querySelectorAll(selector)]);
}

/** @param {string} id @returns {HTMLElement} A copy of the one element in a template. */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const first = /** @type {Element} */ (template.content.firstElementChild);
  return /** @type {HTMLElement} */ (first.cloneNode(true));
}

/** @template {HTMLElement} [T=HTMLElement] @param {HTMLElement} within @param {string} name @returns {T} */
export function slot(within, name) {
  return /** @type {T} */ (within.querySelector(`[data-slot="${name}"]`));
}

/** @template {HTMLElement} [T=HTMLElement] @param {HTMLElement} within @param {string} name @returns {T} */
export function action(within, name) {
  return /** @type {T} */ (within.querySelector(`[data-action="${name}"]`));
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [text]
 * @param {string} [className]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, text, className) {
  const created = document.createElement(tag);
  if (text !== undefined) created.textContent = text;
  if (className) created.className = className;
  return created;
}

/** @param {string} text @param {string} className @param {() => void} run @returns {HTMLButtonElement} */
export function button(text, className, run) {
  const created = element("button", text, className);
  created.type = "button";
  created.addEventListener("click", run);
  return created;
}

/** @param {string} name Of a Lucide icon in icons.txt. @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** Fills a line of facts; empty ones are left out. @param {HTMLElement} line @param {(string | null | undefined)[]} facts */
export function showFacts(line, facts) {
  line.replaceChildren(...facts.filter((fact) => fact).map((fact) => element("span", fact ?? "")));
}

/** Has screen readers read a sentence. @param {string} sentence */
export function announce(sentence) {
  byId("announcer").textContent = sentence;
}

/** Keeps a box that scrolls reachable by keyboard; one that does not scroll is no tab stop. @param {HTMLElement} box */
export function makeScrollFocusable(box) {
  const scrolls = box.scrollHeight > box.clientHeight + 1;
  if (scrolls) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
  return scrolls;
}
