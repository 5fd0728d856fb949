/** What a transcript's page shows besides the text: warnings, dropped segments, provenance. */

import { byId, element } from "../core/dom.js";
import { clock, languageName } from "../core/format.js";
import { t, tn } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript */

/** @param {Transcript["warnings"]} warnings */
export function showWarnings(warnings) {
  byId("warnings").replaceChildren(...warnings.map(({ message }) => element("li", message)));
  byId("warnings").hidden = !warnings.length;
}

/** @param {Transcript["dropped"]} dropped Segments that were left out as hallucinations. */
export function showDropped(dropped) {
  byId("left-out").hidden = !dropped.length;
  byId("left-out-line").textContent = t("{dropped} left out as probably invented", {
    dropped: tn("{count} phrase", "{count} phrases", dropped.length),
  });
  const items = dropped.map(({ start, text, reason }) => {
    const item = element("li");
    item.append(element("span", clock(start)), element("q", text.trim()), element("small", reason));
    return item;
  });
  byId("left-out-list").replaceChildren(...items);
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
