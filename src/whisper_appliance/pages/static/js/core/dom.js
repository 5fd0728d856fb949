/** Small steps on the page's tree. Data enters it as text only, never as markup. */

const SPRITE = new URL("../../vendor/icons.svg", import.meta.url).href;
const SVG = "http://www.w3.org/2000/svg";

/** @template {HTMLElement} T @param {string} id @returns {T} The element of this page with that id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`This page has no #${id}`);
  return /** @type {T} */ (element);
}

/** @param {string} id @returns {HTMLElement} A fresh copy of the one element in a template. */
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
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** @param {string} name @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** Fills a quiet line of facts; empty ones are left out. @param {HTMLElement} line @param {(string | null | undefined)[]} facts */
export function showFacts(line, facts) {
  line.replaceChildren(...facts.filter(Boolean).map((fact) => element("span", /** @type {string} */ (fact))));
}

/** Says something to people who listen to the page. @param {string} sentence */
export function announce(sentence) {
  byId("announcer").textContent = sentence;
}

/** @param {HTMLElement} within @param {string} path @param {string} title Points a menu's links at a transcript, whose address in the API is `path`. */
export function fillDownloads(within, path, title) {
  const name = title.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, " ").trim() || "transcript";
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (
    within.querySelectorAll("a[data-format]")
  )) {
    const format = link.dataset.format ?? "txt";
    link.href = `${path}?format=${format}${format === "json" ? "&download=true" : ""}`;
    link.download = `${name}.${format}`;
  }
}

/** @param {string} text @returns {Promise<void>} Copies, also where the page has no secure context. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", text, "hidden");
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser did not allow copying.");
}
