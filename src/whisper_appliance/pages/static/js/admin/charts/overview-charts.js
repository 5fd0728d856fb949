/** The charts of the overview: which measures each has, and how their numbers are written. */

import { bytes, shortNumber } from "../../core/format.js";
import { t, tn } from "../../core/i18n.js";

/**
 * @typedef {{memory: number, disk: number, cores: number, live: number,
 *   gpus: {name: string, memory_bytes: number}[]}} Machine
 * @typedef {(measure: string) => number | null} Sample The value of each measure at one time.
 * @typedef {(measure: string) => {mean: number, highest: number, last: number} | null} Summary Over the shown time.
 *
 * @typedef {Object} ChartDefinition
 * @property {string} id Of its card, `card-…`.
 * @property {string[]} measures
 * @property {string[]} [colours]
 * @property {(value: number) => string} axis Formats its values.
 * @property {boolean} [stepped]
 * @property {boolean} [dots]
 * @property {number[]} [steps] Of the value axis.
 * @property {(machine: Machine) => number | undefined} [top] Of the value axis.
 * @property {(sample: Sample, machine: Machine) => string} figure The large number.
 * @property {(summary: Summary, machine: Machine) => string} aside What is written beside it.
 */

const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** @param {number | null} value @param {(value: number) => string} format */
const orDash = (value, format) => (value === null ? "–" : format(value));
/** @param {number} value */
const percent = (value) => `${Math.round(value)} %`;
/** @param {number} value */
const whole = (value) => (Number.isInteger(value) ? String(value) : "");
/** @param {number} value */
const bytesOrZero = (value) => (value ? bytes(value) : "0");
/** @param {number} value */
const times = (value) => `${shortNumber(value)} ×`;
/** @param {number} value @param {number} total 0: not measured. */
const bytesOf = (value, total) =>
  total ? t("{value} of {total}", { value: bytes(value), total: bytes(total) }) : bytes(value);

/** @param {string} measure @param {(value: number) => string} format @returns {(summary: Summary) => string} */
function meanAndHighest(measure, format) {
  return (summary) => {
    const found = summary(measure);
    return found
      ? t("average {mean}, highest {highest}", { mean: format(found.mean), highest: format(found.highest) })
      : "";
  };
}

/** @type {ChartDefinition} */
const CPU = {
  id: "cpu",
  measures: ["cpu"],
  axis: percent,
  top: () => 100,
  figure: (sample) => orDash(sample("cpu"), percent),
  aside: meanAndHighest("cpu", percent),
};

/** @type {ChartDefinition} */
const MEMORY = {
  id: "memory",
  measures: ["memory", "own_memory"],
  colours: ["accent", "caution"],
  axis: bytesOrZero,
  steps: POWERS_OF_TWO,
  top: ({ memory }) => memory || undefined,
  figure: (sample, { memory }) => orDash(sample("memory"), (value) => bytesOf(value, memory)),
  aside: (summary) =>
    orDash(summary("own_memory")?.last ?? null, (value) =>
      t("the appliance has {value} of it", { value: bytes(value) }),
    ),
};

/** @type {ChartDefinition} */
const ENGINE = {
  id: "engine",
  measures: ["engine"],
  axis: percent,
  top: () => 100,
  figure: (sample) =>
    orDash(sample("engine"), (value) => (value ? t("{share} busy", { share: percent(value) }) : t("idle"))),
  aside: (summary) => {
    const waiting = summary("windows_waiting")?.last ?? 0;
    const mean = meanAndHighest("engine", percent)(summary);
    return waiting
      ? t("{mean}, {waiting} waiting", {
          mean,
          waiting: tn("{count} window", "{count} windows", Math.round(waiting)),
        })
      : mean;
  },
};

/** @type {ChartDefinition} */
const SPEED = {
  id: "speed",
  measures: ["speed"],
  axis: times,
  dots: true,
  figure: (sample) => {
    const speed = sample("speed");
    return speed === null ? t("at rest") : t("{speed} real time", { speed: times(speed) });
  },
  aside: (summary) => {
    const speed = summary("speed");
    return speed
      ? t("average {mean} real time while it worked", { mean: times(speed.mean) })
      : t("no work in this time");
  },
};

/** @type {ChartDefinition} */
const QUEUE = {
  id: "queue",
  measures: ["jobs_waiting", "jobs_running"],
  colours: ["caution", "accent"],
  axis: whole,
  stepped: true,
  figure: (sample) => {
    const waiting = sample("jobs_waiting") ?? 0;
    const figure = (/** @type {number} */ running) =>
      t("{running} running, {waiting} waiting", {
        running: shortNumber(running),
        waiting: shortNumber(waiting),
      });
    return orDash(sample("jobs_running"), (running) => (running || waiting ? figure(running) : t("empty")));
  },
  aside: (summary) =>
    orDash(summary("jobs_waiting")?.highest ?? null, (value) =>
      value ? t("at most {value} waiting", { value: shortNumber(value) }) : t("nothing had to wait"),
    ),
};

/** @type {ChartDefinition} */
const LIVE = {
  id: "live",
  measures: ["live"],
  axis: whole,
  stepped: true,
  figure: (sample, { live }) =>
    orDash(sample("live"), (value) =>
      live ? t("{value} of {live}", { value: shortNumber(value), live }) : shortNumber(value),
    ),
  aside: (summary) => {
    const lag = summary("live_lag_ms")?.last ?? 0;
    return lag >= 100
      ? t("captions {lag} s behind", { lag: shortNumber(lag / 1000) })
      : meanAndHighest("live", shortNumber)(summary);
  },
};

/** @type {ChartDefinition} */
const REQUESTS = {
  id: "requests",
  measures: ["requests"],
  axis: shortNumber,
  figure: (sample) =>
    orDash(sample("requests"), (value) =>
      value ? t("{value} a second", { value: shortNumber(value) }) : t("none"),
    ),
  aside: meanAndHighest("requests", shortNumber),
};

/** @type {ChartDefinition} */
const DISK = {
  id: "disk",
  measures: ["disk_free"],
  axis: bytesOrZero,
  steps: POWERS_OF_TWO,
  top: ({ disk }) => disk || undefined,
  figure: (sample, { disk }) => orDash(sample("disk_free"), (value) => bytesOf(value, disk)),
  aside: () => t("free where the appliance keeps its data"),
};

/** @type {ChartDefinition} */
const GPU = {
  id: "gpu",
  measures: ["gpu"],
  axis: percent,
  top: () => 100,
  figure: (sample) => orDash(sample("gpu"), percent),
  aside: (summary, { gpus }) => {
    const memory = gpus.reduce((sum, gpu) => sum + gpu.memory_bytes, 0);
    const used = summary("gpu_memory")?.last;
    const names = [...new Set(gpus.map(({ name }) => name))].join(", ");
    return used === undefined
      ? names
      : t("{names}, {used} of {memory} used", { names, used: bytes(used), memory: bytes(memory) });
  },
};

export const OVERVIEW_CHARTS = [CPU, MEMORY, ENGINE, SPEED, QUEUE, LIVE, REQUESTS, DISK, GPU];
