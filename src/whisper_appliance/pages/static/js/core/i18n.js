/**
 * Internationalization (i18n): texts of the scripts in the language of the page, and the locale of its dates and numbers.
 *
 * English texts are the message ids, so English needs no catalogue. The catalogue of another language is a script that
 * the page runs before its modules, because their texts must be there when they are imported.
 */

/** @typedef {Record<string, string | string[]>} Catalogue Translations by message id; plural forms are lists. */

/** @returns {Catalogue} */
function catalogue() {
  return /** @type {{catalogue?: Catalogue}} */ (globalThis).catalogue ?? {};
}

/** The locale for `Intl`: the language of the page. English dates are British. @returns {string} */
export function locale() {
  const language = globalThis.document?.documentElement.lang || "en";
  return language === "en" ? "en-GB" : language;
}

/** For tests. @param {Catalogue} messages */
export function setCatalogue(messages) {
  Object.assign(globalThis, { catalogue: messages });
}

/**
 * The text in the language of the page, with `{name}` placeholders filled in.
 * @param {string} text
 * @param {Record<string, unknown>} [params]
 */
export function t(text, params) {
  const found = catalogue()[text];
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
  const found = catalogue()[one];
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
