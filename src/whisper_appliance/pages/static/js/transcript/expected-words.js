/** Offers a corrected word as vocabulary: a preset of the user takes it among its words to expect (hotwords). */

import { messageOf, request } from "../core/api.js";
import { t } from "../core/i18n.js";
import { readStored, writeStored } from "../core/storage.js";
import { estimateTokens, MAX_TOKENS } from "../ui/prompt-length.js";
import { toast } from "../ui/toast.js";
import { bare, replacements } from "./replace-words.js";
import { isUnsure } from "./transcript-lines.js";

/**
 * @typedef {import("./edits.js").Segment} Segment
 * @typedef {import("../core/api.js").Responses["GET /api/account/presets"]["presets"][number]} Preset
 * @typedef {import("../core/api.js").Requests["PUT /api/account/presets/{id}"]} PresetBody
 * @typedef {{label: string, run: () => void}} Offer
 */

export class ExpectedWords {
  /** What was offered on this page, because each word is offered once. @type {Set<string>} */
  #offered = new Set();

  /** @param {boolean} hasPresets Visitors have none. */
  constructor(hasPresets) {
    this.hasPresets = hasPresets;
  }

  /** @param {string} words @returns {Promise<Offer | undefined>} Nothing if they were offered, or are expected already. */
  async offerFor(words) {
    if (!this.hasPresets || this.#offered.has(words)) return undefined;
    this.#offered.add(words);
    const preset = await loadPreset().catch(() => null); // without an answer there is nothing to offer
    if (preset === null || isKnown([{ key: "", text: hotwordsOf(preset) }], words)) return undefined;
    return { label: t("Expect “{words}” from now on", { words }), run: () => void expect(words) };
  }

  /** @param {string} words Of which the model was unsure, as they are now. */
  async offer(words) {
    const offer = await this.offerFor(words);
    if (offer) toast(t("“{words}” is a new word here.", { words }), offer);
  }
}

/** @param {Segment} segment As the model wrote it. @param {string} words @returns {boolean} Whether it was unsure of one of them. */
export function isDoubtful({ words: timed = [] }, words) {
  return timed.filter(isUnsure).some(({ word }) => isKnown([{ key: "", text: words }], bare(word)));
}

/** @param {{key: string, text: string}[]} lines @param {string} words @returns {boolean} Whether they are written there. */
export function isKnown(lines, words) {
  return replacements(lines, { words, replacement: "", matchCase: false, wholeWords: true }).length > 0;
}

/** @param {string} hotwords @param {string} words @returns {string | null} Both; null: the model does not take so many. */
export function withWords(hotwords, words) {
  const both = hotwords.trim() ? `${hotwords.trim().replace(/,$/, "")}, ${words}` : words;
  return estimateTokens(both) > MAX_TOKENS ? null : both;
}

/** @param {Preset | undefined} preset @returns {string} */
const hotwordsOf = (preset) => String(preset?.options.hotwords ?? "");

/** @returns {Promise<Preset | undefined>} The one chosen in this browser, the default one, or one that was made here. */
async function loadPreset() {
  const { presets } = await request("GET /api/account/presets");
  const chosen = readStored("preset", "");
  return (
    presets.find(({ id }) => id === chosen) ??
    presets.find((preset) => preset.default) ??
    presets.find(({ name }) => name === t("My words"))
  );
}

/** Puts words into the preset; without one, one is made. @param {string} words */
async function expect(words) {
  try {
    const preset = await loadPreset();
    const hotwords = withWords(hotwordsOf(preset), words);
    if (hotwords === null) {
      const text = t(
        "“{preset}” has no room for “{words}”: a model takes {most} tokens of words to expect at most.",
        {
          preset: preset?.name ?? "",
          words,
          most: MAX_TOKENS,
        },
      );
      return toast(text);
    }
    const saved = preset
      ? await put({ ...preset, options: { ...preset.options, hotwords } })
      : await make(hotwords);
    const takeBackForm = rememberInForm(words);
    toast(t("The preset “{preset}” expects “{words}” now.", { preset: saved.name, words }), {
      label: t("Undo"),
      run: () => void takeBack(saved, preset, takeBackForm),
    });
  } catch (error) {
    toast(t("Not saved: {reason}", { reason: messageOf(error) }));
  }
}

/** @param {Preset} preset As it shall be. */
function put({ id, ...body }) {
  return request("PUT /api/account/presets/{id}", { path: { id }, body: /** @type {PresetBody} */ (body) });
}

/** @param {string} hotwords */
function make(hotwords) {
  return request("POST /api/account/presets", {
    body: { name: t("My words"), default: true, options: { hotwords } },
  });
}

/** The form of options keeps its own values in this browser. @param {string} words @returns {() => void} Undoes it. */
function rememberInForm(words) {
  const options = readStored("options", /** @type {Record<string, string>} */ ({}));
  const hotwords = withWords(options.hotwords ?? "", words);
  const isThere = isKnown([{ key: "", text: options.hotwords ?? "" }], words);
  if (hotwords !== null && !isThere) writeStored("options", { ...options, hotwords });
  return () => writeStored("options", options);
}

/** @param {Preset} saved @param {Preset | undefined} before Undefined: it was made. @param {() => void} takeBackForm */
async function takeBack(saved, before, takeBackForm) {
  try {
    if (before) await put(before);
    else await request("DELETE /api/account/presets/{id}", { path: { id: saved.id } });
    takeBackForm();
    toast(t("Undone"));
  } catch (error) {
    toast(messageOf(error));
  }
}
