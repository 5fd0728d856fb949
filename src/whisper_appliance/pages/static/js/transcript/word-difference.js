/** Which words of two texts are the same: the longest common subsequence of their words. */

/** @typedef {{text: string, isSame: boolean}} Part Neighbouring words that are all in the other text, or all not. */

/**
 * @param {string} before @param {string} after
 * @returns {{before: Part[], after: Part[]}} Both texts; case and punctuation count.
 */
export function wordDifference(before, after) {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  const lengths = commonLengths(old, now);
  /** @type {[boolean[], boolean[]]} */
  const [sameOld, sameNow] = [Array(old.length).fill(false), Array(now.length).fill(false)];
  for (let i = 0, j = 0; i < old.length && j < now.length; ) {
    if (old[i] === now[j]) {
      sameOld[i] = sameNow[j] = true;
      i += 1;
      j += 1;
    } else if ((lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0)) i += 1;
    else j += 1;
  }
  return { before: partsOf(old, sameOld), after: partsOf(now, sameNow) };
}

/** @param {string} text */
const wordsOf = (text) => text.split(/\s+/).filter(Boolean);

/** @param {string[]} old @param {string[]} now @returns {Uint16Array[]} Words in common from each pair of places on. */
function commonLengths(old, now) {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const [row, below] = [
        /** @type {Uint16Array} */ (lengths[i]),
        /** @type {Uint16Array} */ (lengths[i + 1]),
      ];
      row[j] = old[i] === now[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
  return lengths;
}

/** @param {string[]} words @param {boolean[]} isSame @returns {Part[]} */
function partsOf(words, isSame) {
  /** @type {Part[]} */
  const parts = [];
  words.forEach((word, index) => {
    const last = parts.at(-1);
    if (last && last.isSame === isSame[index]) last.text += ` ${word}`;
    else parts.push({ text: word, isSame: isSame[index] ?? false });
  });
  return parts;
}
