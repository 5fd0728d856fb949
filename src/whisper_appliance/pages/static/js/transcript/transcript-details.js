/** What a transcript's page shows besides the text: warnings, dropped segments, provenance. */
import { byId, element } from "../core/dom.js";
import { clock, counted, languageName } from "../core/format.js";

/** @typedef {import("../core/api.js").Responses["GET /api/transcripts/{id}"]} Transcript */

/** @param {Transcript["warnings"]} warnings */
export function showWarnings(warnings) {
  byId("warnings").replaceChildren(...warnings.map(({ message }) => element("li", message)));
  byId("warnings").hidden = !warnings.length;
}

/** @param {Transcript["dropped"]} dropped Segments that were left out as hallucinations. */
export function showDropped(dropped) {
  byId("left-out").hidden = !dropped.length;
  byId("left-out-line").textContent = `${counted(dropped.length, "phrase")} left out as probably invented`;
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
    ["Engine", `${provenance.engine} ${provenance.engine_version}, ${provenance.compute_type}`],
    ["Model", `${provenance.model}, sha256 ${provenance.model_sha256}`],
    ["Options", describeOptions(options)],
    ["Language", `${languageName(language)}, ${Math.round(language_probability * 100)} % sure`],
    ["Took", `${processing_seconds.toFixed(1)} s`],
    ["Recording", `sha256 ${provenance.audio_sha256}`],
    ["Appliance", provenance.appliance_version],
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

/** @param {Record<string, unknown>} options */
function describeOptions(options) {
  const { task, quality, word_timestamps, vad, language, prompt, hotwords, temperature, beam_size } = options;
  return [
    `${quality} quality`,
    task === "translate" && "in English",
    word_timestamps ? "with word times" : "without word times",
    !vad && "with what is not speech",
    Boolean(language) && `${languageName(String(language))} given`,
    Boolean(prompt) && `prompt “${prompt}”`,
    Boolean(hotwords) && `hot words “${hotwords}”`,
    temperature !== null && temperature !== undefined && `temperature ${temperature}`,
    Boolean(beam_size) && `${beam_size} alternatives`,
  ]
    .filter(Boolean)
    .join(", ");
}
