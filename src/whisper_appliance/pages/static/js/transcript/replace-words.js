/** Finds words in the segments of a transcript and replaces them. */

/**
 * @typedef {{key: string, text: string}} Line
 * @typedef {{words: string, replacement: string, matchCase: boolean, wholeWords: boolean}} Replacement
 */

/** @param {Replacement} wanted @returns {RegExp} */
function pattern({ words, matchCase, wholeWords }) {
  const escaped = words
    .trim()
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\s+/g, "\\s+");
  const source = wholeWords ? `(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])` : escaped;
  return new RegExp(source, matchCase ? "gu" : "giu");
}

/**
 * @template {Line} T
 * @param {T[]} lines
 * @param {Replacement} wanted
 * @returns {{line: T, text: string, count: number}[]} The lines with the words, with their text afterwards.
 */
export function replacements(lines, wanted) {
  if (!wanted.words.trim()) return [];
  const found = pattern(wanted);
  return lines.flatMap((line) => {
    let count = 0;
    const text = line.text.trim().replace(found, () => {
      count += 1;
      return wanted.replacement;
    });
    return count ? [{ line, text: text.replace(/\s+/g, " ").trim(), count }] : [];
  });
}

/**
 * @param {string} before
 * @param {string} after
 * @returns {{words: string, replacement: string} | null} The one stretch of words that was corrected; null: more changed than that.
 */
export function correctedWords(before, after) {
  const [old, now] = [before.split(" "), after.split(" ")];
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  const rest = Math.min(old.length, now.length) - head;
  while (tail < rest && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const words = bare(old.slice(head, old.length - tail).join(" "));
  const replacement = bare(now.slice(head, now.length - tail).join(" "));
  const isShort = old.length - tail - head <= 3 && now.length - tail - head <= 3;
  const isAddition = replacement.split(/[^\p{L}\p{N}]+/u).includes(words);
  return words && replacement && words !== replacement && isShort && !isAddition
    ? { words, replacement }
    : null;
}

/** @param {string} words @returns {string} Without punctuation around them. */
export const bare = (words) => words.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
