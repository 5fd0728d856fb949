/** What the history holds, in numbers: hours by day and kind, and how fast they were made. */
import { ask } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { counted, languageName, percent, span, speed } from "../core/format.js";
import { DayChart, KINDS, noon } from "./charts/day-chart.js";
import { colour, onColours } from "./charts/theme-colours.js";
import { keepFresh, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";

/**
 * @typedef {{count: number, audio_seconds: number, processing_seconds: number}} Amount
 * @typedef {Amount & {day: string, language: string, model: string, source: string}} DayOfKind
 * @typedef {Amount & {name: string, share: number}} Group
 * @typedef {Amount & {day: string}} Day
 */

const range = /** @type {HTMLSelectElement} */ (byId("days"));
const by = /** @type {HTMLSelectElement} */ (byId("by"));
const SOURCES = /** @type {Record<string, string>} */ ({ upload: "Upload", live: "Live" });
const DATE = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const ROUND_TIMES = [
  1,
  5,
  15,
  30,
  60,
  120,
  300,
  600,
  1200,
  1800,
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((hours) => hours * 3600),
];
/** @type {DayOfKind[]} */
let known = [];
/** @type {Day[]} */
let days = [];

/** @param {Amount[]} amounts @returns {Amount} */
function sum(amounts) {
  const total = { count: 0, audio_seconds: 0, processing_seconds: 0 };
  for (const each of amounts) {
    total.count += each.count;
    total.audio_seconds += each.audio_seconds;
    total.processing_seconds += each.processing_seconds;
  }
  return total;
}

/** Every day from the first to the last, those without recordings too. @returns {string[]} */
function calendar() {
  const first = known[0]?.day;
  const last = known[known.length - 1]?.day;
  if (!first || !last) return [];
  const found = [];
  for (let at = noon(first); at <= noon(last); at += 86_400)
    found.push(new Date(at * 1000).toISOString().slice(0, 10));
  return found;
}

/** @param {DayOfKind} each @returns {string} */
function kindOf(each) {
  if (by.value === "language") return languageName(each.language);
  if (by.value === "model") return each.model;
  return SOURCES[each.source] ?? each.source;
}

/** @returns {Group[]} The largest first. */
function groups() {
  const all = sum(known).audio_seconds;
  const names = [...new Set(known.map(kindOf))];
  return names
    .map((name) => ({ name, ...sum(known.filter((each) => kindOf(each) === name)) }))
    .map((group) => ({ ...group, share: all ? group.audio_seconds / all : 0 }))
    .sort((a, b) => b.audio_seconds - a.audio_seconds);
}

/** @param {string} day */
function date(day) {
  return DATE.format(new Date(noon(day) * 1000));
}

/** @param {number} value */
function times(value) {
  return value ? `${Number(value.toFixed(1))} ×` : "0";
}

/** @param {number} seconds Short, for an axis. */
function short(seconds) {
  if (!seconds) return "0";
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  return seconds >= 3600
    ? `${Number((seconds / 3600).toFixed(1))} h`
    : `${Number((seconds / 60).toFixed(1))} min`;
}

const COLUMNS = /** @type {import("../ui/table.js").Column<Amount>[]} */ ([
  {
    title: "Recordings",
    show: (amount) => amount.count.toLocaleString("en"),
    sort: (amount) => amount.count,
    number: true,
  },
  {
    title: "Audio",
    show: (amount) => (amount.count ? span(amount.audio_seconds) : ""),
    sort: (amount) => amount.audio_seconds,
    number: true,
  },
  {
    title: "Work",
    show: (amount) => (amount.count ? span(amount.processing_seconds) : ""),
    sort: (amount) => amount.processing_seconds,
    number: true,
  },
  {
    title: "Speed",
    show: (amount) => speed(amount.audio_seconds, amount.processing_seconds) ?? "",
    sort: (amount) => amount.audio_seconds / (amount.processing_seconds || Infinity),
    number: true,
  },
]);
/** @type {Table<Group>} */
const groupTable = new Table(/** @type {HTMLTableElement} */ (byId("groups")), {
  key: (group) => group.name,
  empty: "Nothing was transcribed in this time.",
  order: [2, "descending"],
  columns: [
    { title: "Name", show: (group) => group.name, sort: (group) => group.name },
    .../** @type {import("../ui/table.js").Column<Group>[]} */ (COLUMNS),
    { title: "Share", show: (group) => percent(group.share), sort: (group) => group.share, number: true },
  ],
});
/** @type {Table<Day>} */
const dayTable = new Table(/** @type {HTMLTableElement} */ (byId("table")), {
  key: (day) => day.day,
  empty: "Nothing was transcribed in this time.",
  order: [0, "descending"],
  columns: [
    { title: "Day", show: (day) => date(day.day), sort: (day) => day.day },
    .../** @type {import("../ui/table.js").Column<Day>[]} */ (COLUMNS),
  ],
});

/** @param {number | null} at */
function sayHours(at) {
  const day = at === null ? null : days[at];
  const most = days.reduce(
    (best, each) => (each.audio_seconds > (best?.audio_seconds ?? 0) ? each : best),
    days[0],
  );
  const sentence = day
    ? `${date(day.day)}: ${counted(day.count, "recording")}${day.count ? `, ${span(day.audio_seconds)}` : ""}`
    : most
      ? `Most on ${date(most.day)}: ${span(most.audio_seconds)}. The table below has each day.`
      : "Nothing was transcribed in this time.";
  byId("hours-said").textContent = sentence;
}

/** @param {number | null} at */
function saySpeed(at) {
  const day = at === null ? null : days[at];
  const all = sum(days);
  const mean = speed(all.audio_seconds, all.processing_seconds);
  byId("speed-said").textContent = day
    ? `${date(day.day)}: ${speed(day.audio_seconds, day.processing_seconds) ?? "no recordings"}`
    : mean
      ? `${mean} in all: so much audio is done in the time it takes to play it once.`
      : "Nothing was transcribed in this time.";
}

/** @param {Group[]} all */
function showBars(all) {
  const named = all
    .slice(0, all.length > KINDS.length ? KINDS.length - 1 : KINDS.length)
    .map(({ name }) => name);
  const kinds = all.length > named.length ? [...named, "Others"] : named;
  const of = (/** @type {DayOfKind} */ each) => (named.includes(kindOf(each)) ? kindOf(each) : "Others");
  const values = kinds.map((kind, number) => ({
    name: KINDS[number] ?? "edge",
    values: days.map(
      ({ day }) => sum(known.filter((each) => each.day === day && of(each) === kind)).audio_seconds,
    ),
  }));
  hours.bars(
    days.map(({ day }) => noon(day)),
    values,
  );
  byId("legend").replaceChildren(
    ...kinds.map((kind, number) => {
      const line = element("li");
      const swatch = element("span", undefined, "swatch");
      swatch.style.background = colour(KINDS[number] ?? "edge");
      line.append(swatch, kind);
      return line;
    }),
  );
}

function show() {
  const all = sum(known);
  days = calendar().map((day) => ({ day, ...sum(known.filter((each) => each.day === day)) }));
  byId("total-count").textContent = all.count.toLocaleString("en");
  byId("total-hours").textContent = all.count ? span(all.audio_seconds) : "none";
  byId("total-work").textContent = all.count ? span(all.processing_seconds) : "none";
  byId("total-speed").textContent = speed(all.audio_seconds, all.processing_seconds) ?? "–";
  byId("groups-title").textContent = `By ${by.value}`;
  const found = groups();
  groupTable.show(found);
  dayTable.show(days.filter(({ count }) => count));
  showBars(found);
  speeds.curve(
    days.map(({ day }) => noon(day)),
    days.map((day) => (day.processing_seconds ? day.audio_seconds / day.processing_seconds : null)),
  );
  sayHours(null);
  saySpeed(null);
}

async function load() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const query = new URLSearchParams(zone ? { zone } : {});
  if (range.value) query.set("days", range.value);
  const answer = await ask(`/api/admin/statistics?${query}`);
  known = answer.days;
  byId("zone").textContent = answer.zone === zone ? "" : `Days are those of ${answer.zone}.`;
  show();
}

startPanel();
const hours = new DayChart(byId("hours"), { format: short, rounds: ROUND_TIMES, onPoint: sayHours });
const speeds = new DayChart(byId("speed"), { format: times, onPoint: saySpeed });
onColours(() => known.length && showBars(groups()));
const refresh = keepFresh(load, 0);
range.addEventListener("change", () => void refresh());
by.addEventListener("change", show);
