/** Formats the values and the bounds of settings. */
import { bytes, languageName } from "../core/format.js";
import { t, tn } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/admin/settings"]["settings"][number]} Setting */

/** @type {Record<string, Record<string, string>>} What values mean that do not speak for themselves. */
const CHOICES = {
  KEEP_AUDIO: {
    accounts: t("Of people with an account"),
    everyone: t("Of visitors, too"),
    nobody: t("Of nobody"),
  },
  MINUTES_PER_MONTH: { 0: t("No limit") },
  STORAGE_PER_USER: { 0: t("No limit") },
  AUDIO_RETENTION_DAYS: { 0: t("As long as their transcripts") },
};
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** @param {string} value As in the environment. @param {Pick<Setting, "kind" | "name">} setting */
export function displayValue(value, { kind, name }) {
  if (kind === "switch") return value === "true" ? t("On") : t("Off");
  if (name === "DEFAULT_LANGUAGE") return value ? languageName(value) : t("Detected");
  const meaning = CHOICES[name]?.[value];
  if (meaning) return meaning;
  if (kind === "list") return value.replaceAll(",", ", ");
  const plain = value.replace(/\.0(?=[A-Za-z]|$)/, "");
  if (kind === "size")
    return /^\d+$/.test(plain) ? bytes(Number(plain)) : plain.replace(/(\d)([A-Za-z])/, "$1 $2");
  if (name.endsWith("_DAYS") && plain !== "0") return tn("{count} day", "{count} days", Number(plain));
  const isDuration = kind.endsWith("number") && /(_SECONDS|_TIMEOUT)$/.test(name);
  return isDuration ? displaySeconds(Number(plain)) : plain;
}

/** @param {number} seconds @returns {string} "7200 s (2 h)" */
function displaySeconds(seconds) {
  /** @type {[number, string]} */
  let unit = [MINUTE, "min"];
  if (seconds >= HOUR && seconds % HOUR === 0) unit = [HOUR, "h"];
  if (seconds >= DAY && seconds % DAY === 0) unit = [DAY, "d"];
  const [size, name] = unit;
  const isWhole = seconds >= MINUTE && Number.isInteger(seconds / size);
  return isWhole ? `${seconds} s (${seconds / size} ${name})` : `${seconds} s`;
}

/** @param {Setting} setting @returns {string} What may be typed, when it takes effect, and the default. */
export function describeBounds(setting) {
  const { kind, least, most, effect } = setting;
  const bounds = [
    least === null ? "" : t("at least {least}", { least }),
    most === null ? "" : t("at most {most}", { most }),
  ].filter(Boolean);
  const sentence = kind === "size" ? "" : bounds.join(", ");
  const effects = {
    "at once": t("A change counts at once."),
    "after a restart": t("A change counts after a restart."),
    "environment only": "",
  };
  return [
    sentence && `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`,
    kind === "size" ? t("Write a size such as 500MB.") : "",
    kind === "list" ? t("Separate several with commas.") : "",
    effects[effect],
    t("Default: {setting}.", { setting: displayValue(setting.default, setting) || t("not set") }),
  ]
    .filter(Boolean)
    .join(" ");
}
