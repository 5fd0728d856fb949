/** The charts of the overview: which measures each has, and how their numbers are written. */
import { bytes, counted } from "../../core/format.js";

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
const small = (value) => String(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);
/** @param {number} value */
const bytesOrZero = (value) => (value ? bytes(value) : "0");
/** @param {number} value */
const times = (value) => `${small(value)} ×`;
/** @param {number} value @param {number} total 0: not measured. */
const bytesOf = (value, total) => (total ? `${bytes(value)} of ${bytes(total)}` : bytes(value));

/** @param {string} measure @param {(value: number) => string} format @returns {(summary: Summary) => string} */
function meanAndHighest(measure, format) {
  return (summary) => {
    const found = summary(measure);
    return found ? `average ${format(found.mean)}, highest ${format(found.highest)}` : "";
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
    orDash(summary("own_memory")?.last ?? null, (value) => `the appliance has ${bytes(value)} of it`),
};

/** @type {ChartDefinition} */
const ENGINE = {
  id: "engine",
  measures: ["engine"],
  axis: percent,
  top: () => 100,
  figure: (sample) => orDash(sample("engine"), (value) => (value ? `${percent(value)} busy` : "idle")),
  aside: (summary) => {
    const waiting = summary("windows_waiting")?.last ?? 0;
    const mean = meanAndHighest("engine", percent)(summary);
    return waiting ? `${mean}, ${counted(Math.round(waiting), "window")} waiting` : mean;
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
    return speed === null ? "at rest" : `${times(speed)} real time`;
  },
  aside: (summary) => {
    const speed = summary("speed");
    return speed ? `average ${times(speed.mean)} real time while it worked` : "no work in this time";
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
    const figure = (/** @type {number} */ running) => `${small(running)} running, ${small(waiting)} waiting`;
    return orDash(sample("jobs_running"), (running) => (running || waiting ? figure(running) : "empty"));
  },
  aside: (summary) =>
    orDash(summary("jobs_waiting")?.highest ?? null, (value) =>
      value ? `at most ${small(value)} waiting` : "nothing had to wait",
    ),
};

/** @type {ChartDefinition} */
const LIVE = {
  id: "live",
  measures: ["live"],
  axis: whole,
  stepped: true,
  figure: (sample, { live }) =>
    orDash(sample("live"), (value) => (live ? `${small(value)} of ${live}` : small(value))),
  aside: (summary) => {
    const lag = summary("live_lag_ms")?.last ?? 0;
    return lag >= 100 ? `captions ${small(lag / 1000)} s behind` : meanAndHighest("live", small)(summary);
  },
};

/** @type {ChartDefinition} */
const REQUESTS = {
  id: "requests",
  measures: ["requests"],
  axis: small,
  figure: (sample) => orDash(sample("requests"), (value) => (value ? `${small(value)} a second` : "none")),
  aside: meanAndHighest("requests", small),
};

/** @type {ChartDefinition} */
const DISK = {
  id: "disk",
  measures: ["disk_free"],
  axis: bytesOrZero,
  steps: POWERS_OF_TWO,
  top: ({ disk }) => disk || undefined,
  figure: (sample, { disk }) => orDash(sample("disk_free"), (value) => bytesOf(value, disk)),
  aside: () => "free where the appliance keeps its data",
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
    return used === undefined ? names : `${names}, ${bytes(used)} of ${bytes(memory)} used`;
  },
};

export const OVERVIEW_CHARTS = [CPU, MEMORY, ENGINE, SPEED, QUEUE, LIVE, REQUESTS, DISK, GPU];
