/** What a transcript's page shows besides the text: warnings and provenance. */

import { byId, element } from "../core/dom.js";
import { duration, languageName } from "../core/format.js";
import { t, tn } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript */

/** @param {Transcript["warnings"]} warnings */
export function showWarnings(warnings) {
  byId("warnings").replaceChildren(...warnings.map(({ message }) => element("li", message)));
  byId("warnings").hidden = !warnings.length;
}

/** @param {number} count Of words of low confidence. */
export function showUnsure(count) {
  byId("unsure").hidden = !count;
  byId("unsure").textContent = t("{unsure} with dots below: the model was unsure.", {
    unsure: tn("{count} word", "{count} words", count),
  });
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
    [t("Took"), duration(processing_seconds)],
    [t("Recording"), `sha256 ${provenance.audio_sha256}`],
    [t("Appliance"), provenance.appliance_version],
  ];
  byId("about-line").textContent = [
    `${provenance.engine} ${provenance.engine_version}`,
    provenance.model,
    qualityOf(options),
  ].join(" · ");
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
function qualityOf({ quality }) {
  /** @type {Record<string, string>} */
  const names = {
    fast: t("fast"),
    balanced: t("balanced"),
    accurate: t("accurate"),
  };
  return t("quality {quality}", { quality: names[String(quality)] ?? String(quality) });
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
    qualityOf({ quality }),
    task === "translate" && t("in English"),
    word_timestamps ? t("with word times") : t("without word times"),
    channels === "separate" && t("each channel by itself"),
    !vad && t("with what is not speech"),
    Boolean(language) && t("{language} given", { language: languageName(String(language)) }),
    Boolean(prompt) && t("prompt “{prompt}”", { prompt }),
    Boolean(hotwords) && t("hot words “{hotwords}”", { hotwords }),
    temperature !== null && temperature !== undefined && t("temperature {temperature}", { temperature }),
    Boolean(beam_size) && t("{beam_size} alternatives", { beam_size }),
  ]
    .filter(Boolean)
    .join(", ");
}
