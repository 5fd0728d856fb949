/**
 * Internationalization (i18n): texts of the scripts in the language of the page, and the locale of its dates and numbers.
 *
 * English texts are the message ids. The page names the catalogue of its language; English needs none.
 */

/** @type {Record<string, string | string[]>} */
let catalogue = {};

/** The locale for `Intl`: the language of the page. English dates are British. @returns {string} */
export function locale() {
  const language = globalThis.document?.documentElement.lang || "en";
  return language === "en" ? "en-GB" : language;
}

/** Loads the catalogue that the page names. Every page calls it once, before anything is shown. */
export async function loadCatalogue() {
  const url = document.documentElement.dataset.catalogue;
  if (!url) return;
  try {
    const response = await fetch(url);
    if (response.ok) catalogue = await response.json();
  } catch {
    // English texts are better than no page.
  }
}

/** Replaces the catalogue; for tests. @param {Record<string, string | string[]>} messages */
export function setCatalogue(messages) {
  catalogue = messages;
}

/**
 * The text in the language of the page, with `{name}` placeholders filled in.
 * @param {string} text
 * @param {Record<string, unknown>} [params]
 */
export function t(text, params) {
  const found = catalogue[text];
  return fill(typeof found === "string" ? found : text, params);
}

/**
 * The form for `count` in the language of the page; `{count}` is filled in as a number of that language.
 * @param {string} one The form for one.
 * @param {string} many The form for all other numbers.
 * @param {number} count
 * @param {Record<string, unknown>} [params]
 */
export function tn(one, many, count, params) {
  const found = catalogue[one];
  const forms = Array.isArray(found) ? found : [one, many];
  const isOne = new Intl.PluralRules(locale()).select(count) === "one";
  return fill(forms[isOne ? 0 : 1] ?? many, {
    count: new Intl.NumberFormat(locale()).format(count),
    ...params,
  });
}

/**
 * @param {string} text
 * @param {Record<string, unknown>} [params]
 */
function fill(text, params) {
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
}
