/** Statistics: hours of audio by day and group, and the speed of transcription. */

import { request } from "../core/api.js";
import { byId, element, selectById, tableById } from "../core/dom.js";
import { decimal, duration, languageName, percent, speed } from "../core/format.js";
import { locale, t, tn } from "../core/i18n.js";
import { Table } from "../ui/table.js";
import { BAR_COLOURS, DayChart, noon } from "./charts/day-chart.js";
import { ThemeColours } from "./charts/theme-colours.js";
import { keepFresh, startPanel } from "./panel.js";
import { calendar, groupBy, sum } from "./statistics-sums.js";

/**
 * @typedef {import("./statistics-sums.js").Amount} Amount
 * @typedef {import("./statistics-sums.js").Entry} Entry
 * @typedef {import("./statistics-sums.js").Group} Group
 * @typedef {Amount & {day: string}} Day
 * @typedef {"language" | "model" | "source"} Grouping
 */

/**
 * @template Row
 * @typedef {import("../ui/table.js").Column<Row>} Column
 */

/** @type {Record<Grouping, string>} */
const GROUP_TITLES = { language: t("By language"), model: t("By model"), source: t("By source") };
/** @type {Record<string, string>} */
const SOURCES = { upload: t("Upload"), live: t("Live") };
const OTHERS = t("Others");
const NOTHING = t("Nothing was transcribed in this time.");
const MINUTE = 60;
const HOUR = 3600;
const DURATION_STEPS = [
  ...[1, 5, 15, 30],
  ...[1, 2, 5, 10, 20, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((hours) => hours * HOUR),
];

/** @returns {Column<Amount>[]} */
const amountColumns = () => [
  {
    title: t("Recordings"),
    show: ({ count }) => count.toLocaleString(locale()),
    sort: ({ count }) => count,
    number: true,
  },
  {
    title: t("Audio"),
    show: ({ count, audio_seconds }) => (count ? duration(audio_seconds) : ""),
    sort: ({ audio_seconds }) => audio_seconds,
    number: true,
  },
  {
    title: t("Work"),
    show: ({ count, processing_seconds }) => (count ? duration(processing_seconds) : ""),
    sort: ({ processing_seconds }) => processing_seconds,
    number: true,
  },
  {
    title: t("Speed"),
    show: (amount) => speed(amount.audio_seconds, amount.processing_seconds) ?? "",
    sort: (amount) => amount.audio_seconds / (amount.processing_seconds || Infinity),
    number: true,
  },
];

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new StatisticsPage();
}

class StatisticsPage {
  #range = selectById("days");
  #grouping = selectById("by");
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Day[]} */
  #days = [];
  #theme = new ThemeColours();
  #hoursChart = new DayChart(byId("hours"), {
    theme: this.#theme,
    format: shortDuration,
    steps: DURATION_STEPS,
    onPoint: (day) => this.#describeHours(day),
  });
  #speedChart = new DayChart(byId("speed"), {
    theme: this.#theme,
    format: (value) => (value ? `${decimal(value)} ×` : "0"),
    onPoint: (day) => this.#describeSpeed(day),
  });
  /** @type {Table<Group>} */
  #groupTable = new Table(tableById("groups"), {
    key: ({ name }) => name,
    empty: NOTHING,
    order: [2, "descending"],
    columns: [
      { title: t("Name"), show: ({ name }) => name, sort: ({ name }) => name },
      .../** @type {Column<Group>[]} */ (amountColumns()),
      { title: t("Share"), show: ({ share }) => percent(share), sort: ({ share }) => share, number: true },
    ],
  });
  /** @type {Table<Day>} */
  #dayTable = new Table(tableById("table"), {
    key: ({ day }) => day,
    empty: NOTHING,
    order: [0, "descending"],
    columns: [
      { title: t("Day"), show: ({ day }) => formatDay(day), sort: ({ day }) => day },
      .../** @type {Column<Day>[]} */ (amountColumns()),
    ],
  });

  constructor() {
    this.#theme.onChange(() => this.#entries.length && this.#showBars(this.#groups()));
    const refresh = keepFresh(() => this.#load(), 0);
    this.#range.addEventListener("change", () => void refresh());
    this.#grouping.addEventListener("change", () => this.#show());
  }

  async #load() {
    const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const query = new URLSearchParams(browserZone ? { zone: browserZone } : {});
    if (this.#range.value) query.set("days", this.#range.value);
    const { days, zone } = await request("GET /api/admin/statistics", { query });
    this.#entries = days;
    byId("zone").textContent = zone === browserZone ? "" : t("Days are those of {zone}.", { zone });
    this.#show();
  }

  #show() {
    const total = sum(this.#entries);
    this.#days = calendar(this.#entries).map((day) => ({
      day,
      ...sum(this.#entries.filter((each) => each.day === day)),
    }));
    showTotal(total);
    byId("groups-title").textContent = GROUP_TITLES[/** @type {Grouping} */ (this.#grouping.value)];
    const groups = this.#groups();
    this.#groupTable.show(groups);
    this.#dayTable.show(this.#days.filter(({ count }) => count));
    this.#showBars(groups);
    const speeds = this.#days.map(({ audio_seconds: audio, processing_seconds: work }) =>
      work ? audio / work : null,
    );
    this.#speedChart.showLine(this.#noons(), speeds);
    this.#describeHours(null);
    this.#describeSpeed(null);
  }

  #noons() {
    return this.#days.map(({ day }) => noon(day));
  }

  #groups() {
    return groupBy(this.#entries, (entry) => this.#groupOf(entry));
  }

  /** @param {Entry} entry */
  #groupOf({ language, model, source }) {
    const grouping = /** @type {Grouping} */ (this.#grouping.value);
    if (grouping === "language") return languageName(language);
    return grouping === "model" ? model : (SOURCES[source] ?? source);
  }

  /** The largest groups have a colour each, the others one together. @param {Group[]} groups The largest first. */
  #showBars(groups) {
    const shown = groups.length > BAR_COLOURS.length ? BAR_COLOURS.length - 1 : BAR_COLOURS.length;
    const largest = groups.slice(0, shown).map(({ name }) => name);
    const names = groups.length > largest.length ? [...largest, OTHERS] : largest;
    const nameOf = (/** @type {Entry} */ entry) => {
      const name = this.#groupOf(entry);
      return largest.includes(name) ? name : OTHERS;
    };
    const layers = names.map((name, number) => ({
      colour: BAR_COLOURS[number] ?? "edge",
      values: this.#days.map(({ day }) => {
        const entries = this.#entries.filter((each) => each.day === day && nameOf(each) === name);
        return sum(entries).audio_seconds;
      }),
    }));
    this.#hoursChart.showBars(this.#noons(), layers);
    const items = names.map((name, number) => this.#legendItem(name, layers[number]?.colour ?? "edge"));
    byId("legend").replaceChildren(...items);
  }

  /** @param {string} name @param {string} colour */
  #legendItem(name, colour) {
    const item = element("li");
    const swatch = element("span", undefined, "swatch");
    swatch.style.background = this.#theme.colour(colour);
    item.append(swatch, name);
    return item;
  }

  /** @param {number | null} index Of the day that is pointed at. */
  #describeHours(index) {
    const day = index === null ? undefined : this.#days[index];
    byId("hours-said").textContent = day ? describeDay(day) : describeLargestDay(this.#days);
  }

  /** @param {number | null} index Of the day that is pointed at. */
  #describeSpeed(index) {
    const day = index === null ? undefined : this.#days[index];
    byId("speed-said").textContent = day
      ? `${formatDay(day.day)}: ${speed(day.audio_seconds, day.processing_seconds) ?? t("no recordings")}`
      : describeMeanSpeed(this.#days);
  }
}

/** @param {Amount} total */
function showTotal({ count, audio_seconds, processing_seconds }) {
  byId("total-count").textContent = count.toLocaleString(locale());
  byId("total-hours").textContent = count ? duration(audio_seconds) : t("none");
  byId("total-work").textContent = count ? duration(processing_seconds) : t("none");
  byId("total-speed").textContent = speed(audio_seconds, processing_seconds) ?? "–";
}

/** @param {Day} day */
function describeDay({ day, count, audio_seconds }) {
  const audio = count ? `, ${duration(audio_seconds)}` : "";
  return `${formatDay(day)}: ${tn("{count} recording", "{count} recordings", count)}${audio}`;
}

/** @param {Day[]} days */
function describeLargestDay(days) {
  const largest = days.toSorted((a, b) => b.audio_seconds - a.audio_seconds)[0];
  if (!largest) return NOTHING;
  return t("Most on {day}: {audio_seconds}. The table below has each day.", {
    day: formatDay(largest.day),
    audio_seconds: duration(largest.audio_seconds),
  });
}

/** @param {Day[]} days */
function describeMeanSpeed(days) {
  const { audio_seconds, processing_seconds } = sum(days);
  const mean = speed(audio_seconds, processing_seconds);
  return mean
    ? t("{mean} in all: so much audio is done in the time it takes to play it once.", { mean })
    : NOTHING;
}

/** @param {string} day 2026-03-01 */
function formatDay(day) {
  const options = /** @type {const} */ ({
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  });
  const format = new Intl.DateTimeFormat(locale(), { ...options, timeZone: "UTC" });
  return format.format(new Date(noon(day) * 1000));
}

/** @param {number} seconds @returns {string} For an axis. */
function shortDuration(seconds) {
  if (!seconds) return "0";
  if (seconds < MINUTE) return `${decimal(seconds)} s`;
  const [size, unit] = seconds >= HOUR ? [HOUR, "h"] : [MINUTE, "min"];
  return `${decimal(seconds / size)} ${unit}`;
}
