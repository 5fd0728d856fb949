/** What a transcript's page shows besides the text: warnings and provenance. */

import { byId, element } from "../core/dom.js";
import { languageName } from "../core/format.js";
import { t } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript */

/** @param {Transcript["warnings"]} warnings */
export function showWarnings(warnings) {
  byId("warnings").replaceChildren(...warnings.map(({ message }) => element("li", message)));
  byId("warnings").hidden = !warnings.length;
}

/** @param {Transcript} transcript */
export function showProvenance({ provenance, language, language_probability, processing_seconds }) {
  if (!provenance) return;
  const options = /** @type {Record<string, unknown>} */ (provenance.options ?? {});
  /** @type {[string, unknown][]} */
  const facts = [
    [t("Engine"), `${provenance.engine} ${provenance.engine_version}, ${provenance.compute_type}`],
    [
      t("Model"),
      t("{model}, sha256 {model_sha256}", { model: provenance.model, model_sha256: provenance.model_sha256 }),
    ],
    [t("Options"), describeOptions(options)],
    [
      t("Language"),
      t("{language}, {language_probability} % sure", {
        language: languageName(language),
        language_probability: Math.round(language_probability * 100),
      }),
    ],
    [t("Audio track"), describeTracks(provenance.tracks)],
    [t("Took"), `${processing_seconds.toFixed(1)} s`],
    [t("Recording"), `sha256 ${provenance.audio_sha256}`],
    [t("Appliance"), provenance.appliance_version],
  ];
  const rows = facts
    .filter(([, value]) => value)
    .map(([label, value]) => {
      const row = element("div");
      row.append(element("dt", label), element("dd", String(value)));
      return row;
    });
  byId("about-list").replaceChildren(...rows);
  byId("about").hidden = false;
}

/** Which track of how many was taken. @param {unknown} tracks */
function describeTracks(tracks) {
  if (!tracks) return "";
  const { taken, count } = /** @type {{taken: number, count: number}} */ (tracks);
  return count > 1 ? t("{taken} of {count}", { taken, count }) : "";
}

/** @param {Record<string, unknown>} options */
function describeOptions(options) {
  const {
    task,
    quality,
    word_timestamps,
    vad,
    language,
    prompt,
    hotwords,
    temperature,
    beam_size,
    channels,
  } = options;
  return [
    `${quality} quality`,
    task === "translate" && t("in English"),
    word_timestamps ? t("with word times") : t("without word times"),
    channels === "separate" && t("each channel by itself"),
    !vad && t("with what is not speech"),
    Boolean(language) && `${languageName(String(language))} given`,
    Boolean(prompt) && t("prompt “{prompt}”", { prompt }),
    Boolean(hotwords) && t("hot words “{hotwords}”", { hotwords }),
    temperature !== null && temperature !== undefined && t("temperature {temperature}", { temperature }),
    Boolean(beam_size) && `${beam_size} alternatives`,
  ]
    .filter(Boolean)
    .join(", ");
}
