/** How much of a context or of expected words the model takes, shown while one types. */

import { t } from "../core/i18n.js";

/** Tokens of a context, or of expected words: half of Whisper's decoder context each. */
export const MAX_TOKENS = 223;
const FIRST_CJK = 0x2e80;

/**
 * An estimate of a text's tokens: three to a word of ten letters, two to three letters of other alphabets, one to
 * a character of Chinese, Japanese or Korean. @param {string} text
 */
export function estimateTokens(text) {
  let tokens = 0;
  for (const character of text.trim()) {
    const code = character.codePointAt(0) ?? 0;
    tokens += code < 0x80 ? 0.3 : code < FIRST_CJK ? 0.6 : 1.2;
  }
  return Math.ceil(tokens);
}

/**
 * Shows the length of a field's text beside it, and what is left out of a text that is too long.
 * @param {HTMLInputElement} field
 * @param {HTMLElement} shown
 * @param {() => string} leftOut
 */
export function showLength(field, shown, leftOut) {
  const tokens = estimateTokens(field.value);
  const isLong = tokens > MAX_TOKENS;
  shown.textContent = tokens ? t("about {tokens} of {most} tokens", { tokens, most: MAX_TOKENS }) : "";
  if (isLong) shown.append(` · ${leftOut()}`);
  shown.classList.toggle("too-long", isLong);
}
