/** Applies the answer to an edit to the transcript in the page, so that it is not loaded again. */

/**
 * @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript
 * @typedef {import("./edits.js").Changed} Changed
 * @typedef {Changed["changes"][number]["hunks"][number]} Hunk
 */

/**
 * @param {Transcript} transcript @param {Changed} answer With all changes since the transcript's revision.
 * @returns {Transcript | null} The transcript as it is now; null: the changes do not fit, so it must be loaded.
 */
export function withChanges(transcript, { changes, revision, paragraphs }) {
  /** @type {(Hunk["added"][number] & {id?: number})[]} */
  const segments = [...transcript.segments];
  for (const change of changes) {
    if (change.revision <= transcript.revision) continue;
    for (const hunk of change.hunks) if (!apply(segments, hunk)) return null;
  }
  if ((paragraphs.at(-1) ?? 0) > segments.length) return null; // somebody else changed it again
  const numbered = segments.map((segment, id) =>
    segment.id === id ? /** @type {Transcript["segments"][number]} */ (segment) : { ...segment, id },
  );
  return { ...transcript, segments: numbered, revision, paragraphs };
}

/**
 * @param {Transcript} transcript @param {Hunk["added"]} aligned Segments whose words have better times.
 * @returns {Transcript} With their words, as far as the texts are still the same; itself if it has them already.
 */
export function withWords(transcript, aligned) {
  const words = new Map(aligned.map((segment) => [segment.key, segment]));
  let isSame = true;
  const segments = transcript.segments.map((segment) => {
    const better = words.get(segment.key);
    const isBetter =
      better?.text === segment.text && JSON.stringify(better.words) !== JSON.stringify(segment.words);
    if (!isBetter) return segment;
    isSame = false;
    return { ...segment, words: better.words };
  });
  return isSame ? transcript : { ...transcript, segments };
}

/** @param {Hunk["added"]} segments Changed in place. @param {Hunk} hunk @returns {boolean} Whether it fits. */
function apply(segments, { after, removed, added }) {
  const before = segments.findIndex(({ key }) => key === after);
  if (after && before < 0) return false;
  const stays = removed.every((key, index) => segments[before + 1 + index]?.key === key);
  if (stays) segments.splice(before + 1, removed.length, ...added);
  return stays;
}
