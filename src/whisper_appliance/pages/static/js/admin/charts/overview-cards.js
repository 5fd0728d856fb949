/** Which curves the overview has, and how their numbers are said. */
import { bytes, counted } from "../../core/format.js";
import { Chart } from "./time-chart.js";
import { element, slot } from "../../core/dom.js";

/**
 * @typedef {Record<string, (number | null)[]>} Samples A list for each measure; `time` is in seconds.
 * @typedef {{memory: number, disk: number, cores: number, cards: {name: string, memory_bytes: number}[], live: number}} Machine
 * @typedef {{id: string, measures: string[], colours?: string[], axis: (value: number) => string, steps?: boolean, rounds?: number[], dots?: boolean,
 *   most?: (machine: Machine) => number | undefined, figure: (at: (measure: string) => number | null, machine: Machine) => string,
 *   aside: (all: Summary, machine: Machine) => string}} Curve
 * @typedef {(measure: string) => {mean: number, most: number, last: number} | null} Summary
 */

const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
/** @param {number | null} value @param {(value: number) => string} say */
const known = (value, say) => (value === null ? "–" : say(value));
/** @param {number} value */
const percent = (value) => `${Math.round(value)} %`;
/** @param {number} value */
const whole = (value) => (Number.isInteger(value) ? String(value) : "");
/** @param {number} value */
const small = (value) => (value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10));
/** @param {number} value */
const amount = (value) => (value ? bytes(value) : "0");
/** @param {number} value */
const times = (value) => `${small(value)} ×`;

/** @param {string} measure @param {(value: number) => string} say @returns {(all: Summary) => string} */
function meanAndMost(measure, say) {
  return (all) => {
    const found = all(measure);
    return found ? `average ${say(found.mean)}, highest ${say(found.most)}` : "";
  };
}

/** @type {Curve[]} */
export const CURVES = [
  {
    id: "cpu",
    measures: ["cpu"],
    axis: percent,
    most: () => 100,
    figure: (at) => known(at("cpu"), percent),
    aside: meanAndMost("cpu", percent),
  },
  {
    id: "memory",
    measures: ["memory", "own_memory"],
    colours: ["accent", "caution"],
    axis: amount,
    rounds: POWERS,
    most: (machine) => machine.memory || undefined,
    figure: (at, machine) =>
      known(at("memory"), (value) =>
        machine.memory ? `${bytes(value)} of ${bytes(machine.memory)}` : bytes(value),
      ),
    aside: (all) =>
      known(all("own_memory")?.last ?? null, (value) => `the appliance has ${bytes(value)} of it`),
  },
  {
    id: "engine",
    measures: ["engine"],
    axis: percent,
    most: () => 100,
    figure: (at) => known(at("engine"), (value) => (value ? `${percent(value)} busy` : "idle")),
    aside: (all) => {
      const waiting = all("windows_waiting")?.last ?? 0;
      const mean = meanAndMost("engine", percent)(all);
      return waiting ? `${mean}, ${counted(Math.round(waiting), "window")} waiting` : mean;
    },
  },
  {
    id: "speed",
    measures: ["speed"],
    axis: times,
    dots: true,
    figure: (at) => (at("speed") === null ? "at rest" : `${small(at("speed") ?? 0)} × real time`),
    aside: (all) =>
      all("speed")
        ? `average ${small(all("speed")?.mean ?? 0)} × real time while it worked`
        : "no work in this time",
  },
  {
    id: "queue",
    measures: ["jobs_waiting", "jobs_running"],
    colours: ["caution", "accent"],
    axis: whole,
    steps: true,
    figure: (at) =>
      known(at("jobs_running"), (value) =>
        value || at("jobs_waiting")
          ? `${small(value)} running, ${small(at("jobs_waiting") ?? 0)} waiting`
          : "empty",
      ),
    aside: (all) =>
      known(all("jobs_waiting")?.most ?? null, (value) =>
        value ? `at most ${small(value)} waiting` : "nothing had to wait",
      ),
  },
  {
    id: "live",
    measures: ["live"],
    axis: whole,
    steps: true,
    figure: (at, machine) =>
      known(at("live"), (value) => (machine.live ? `${small(value)} of ${machine.live}` : small(value))),
    aside: (all) => {
      const lag = all("live_lag_ms")?.last ?? 0;
      return lag >= 100 ? `captions ${small(lag / 1000)} s behind` : meanAndMost("live", small)(all);
    },
  },
  {
    id: "requests",
    measures: ["requests"],
    axis: small,
    figure: (at) => known(at("requests"), (value) => (value ? `${small(value)} a second` : "none")),
    aside: meanAndMost("requests", small),
  },
  {
    id: "disk",
    measures: ["disk_free"],
    axis: amount,
    rounds: POWERS,
    most: (machine) => machine.disk || undefined,
    figure: (at, machine) =>
      known(at("disk_free"), (value) =>
        machine.disk ? `${bytes(value)} of ${bytes(machine.disk)}` : bytes(value),
      ),
    aside: () => "free where the appliance keeps what it has",
  },
  {
    id: "gpu",
    measures: ["gpu"],
    axis: percent,
    most: () => 100,
    figure: (at) => known(at("gpu"), percent),
    aside: (all, machine) => {
      const memory = machine.cards.reduce((sum, card) => sum + card.memory_bytes, 0);
      const used = all("gpu_memory")?.last;
      const names = [...new Set(machine.cards.map((card) => card.name))].join(", ");
      return used === undefined ? names : `${names}, ${bytes(used)} of ${bytes(memory)} used`;
    },
  },
];

/** One curve with its numbers, on its card. */
export class Card {
  /** @param {HTMLElement} card @param {Curve} curve @param {() => Machine} machine */
  constructor(card, curve, machine) {
    this.card = card;
    this.curve = curve;
    this.machine = machine;
    /** @type {Samples} */
    this.samples = { time: [] };
    this.chart = new Chart(slot(card, "plot"), {
      colours: curve.colours ?? ["accent"],
      format: curve.axis,
      steps: curve.steps,
      rounds: curve.rounds,
      dots: curve.dots,
      most: () => curve.most?.(machine()),
      onPoint: (at) => this.say(at),
    });
  }

  /** @param {Samples} samples @param {number} span Seconds. */
  show(samples, span) {
    this.samples = samples;
    const { time } = samples;
    this.chart.show(
      /** @type {number[]} */ (time),
      this.curve.measures.map((name) => samples[name] ?? []),
      span,
    );
    this.say(this.chart.plot.cursor.idx ?? null);
  }

  /** Says the numbers of a moment, or the latest. @param {number | null} at */
  say(at) {
    const pointed =
      at !== null && this.chart.plot.cursor.left !== undefined && this.chart.plot.cursor.left >= 0;
    const last = this.samples.time.length - 1;
    const where = pointed ? at : last;
    const value = (/** @type {string} */ name) => this.samples[name]?.[where] ?? null;
    slot(this.card, "figure").textContent = last < 0 ? "–" : this.curve.figure(value, this.machine());
    const aside = slot(this.card, "aside");
    if (pointed && where <= last) {
      const time = element("time", moment(this.samples.time[where] ?? 0));
      aside.replaceChildren("at ", time);
    } else {
      aside.textContent =
        last < 0 ? "no samples yet" : this.curve.aside((name) => summary(this.samples[name]), this.machine());
    }
  }
}

/** @param {(number | null)[] | undefined} values */
function summary(values) {
  const present = /** @type {number[]} */ ((values ?? []).filter((value) => value !== null));
  if (!present.length) return null;
  return {
    mean: present.reduce((sum, value) => sum + value, 0) / present.length,
    most: Math.max(...present),
    last: present[present.length - 1],
  };
}

const MOMENT = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** @param {number} seconds */
function moment(seconds) {
  return MOMENT.format(new Date(seconds * 1000));
}
