/** The overview: health and facts, polled; charts, over the socket. */

import { fromRoot } from "../core/addresses.js";
import { request } from "../core/api.js";
import { all, byId, element, icon, tableById } from "../core/dom.js";
import { bytes, duration, speed } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { Table } from "../ui/table.js";
import { tagCell } from "./cells.js";
import { ChartCard } from "./charts/chart-card.js";
import { OVERVIEW_CHARTS } from "./charts/overview-charts.js";
import { ThemeColours } from "./charts/theme-colours.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { TelemetrySocket } from "./telemetry-socket.js";

const REFRESH_SECONDS = 5;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/overview"]} Overview
 * @typedef {Overview["status"]["engines"][number]} Engine
 * @typedef {Overview["limits"][number]} Limit
 * @typedef {import("./cells.js").Tone} Tone
 */

/** @type {Record<string, [string, Tone]>} The word and the colour of each state. */
const ENGINE_STATES = {
  busy: [t("busy"), "good"],
  idle: [t("idle"), "good"],
  loading: [t("loading"), "caution"],
  failed: [t("failed"), "bad"],
};

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new OverviewPage(root);
}

class OverviewPage {
  /** @type {import("./charts/overview-charts.js").Machine} */
  #machine = { memory: 0, disk: 0, cores: 0, gpus: [], live: 0 };
  #theme = new ThemeColours();
  #cards = OVERVIEW_CHARTS.map(
    (chart) =>
      new ChartCard(byId(`card-${chart.id}`), chart, { machine: () => this.#machine, theme: this.#theme }),
  );
  /** @type {Table<Engine>} */
  #engines = new Table(tableById("engines"), {
    key: ({ model }) => model,
    empty: t("No model is loaded. The next recording loads one."),
    columns: [
      { title: t("Model"), show: ({ model }) => model },
      { title: t("State"), show: engineStateCell },
      {
        title: t("Runs on"),
        show: (engine) => [engine.device, engine.compute_type].filter(Boolean).join(", "),
      },
      { title: t("Memory"), show: (engine) => bytes(engine.memory_bytes), number: true },
      {
        title: t("Side by side"),
        show: ({ workers }) => tn("{count} window", "{count} windows", workers),
        number: true,
      },
      {
        title: t("Heard"),
        show: (engine) => (engine.heard_seconds ? duration(engine.heard_seconds) : t("nothing yet")),
        number: true,
      },
      {
        title: t("Speed"),
        show: (engine) => speed(engine.heard_seconds, engine.busy_seconds) ?? "",
        number: true,
      },
      { title: t("Restarts"), show: ({ restarts }) => String(restarts), number: true },
    ],
  });

  #reached = limitTable("limits-reached", t("No limit was reached."));
  #others = limitTable("limits-others", t("All were reached."));

  /** @param {HTMLElement} root */
  constructor(root) {
    const telemetry = new TelemetrySocket({
      onSamples: (samples, seconds) => {
        for (const card of this.#cards) card.show(samples, seconds);
      },
      onClosed: (message) => showProblem({ message, offline: false }),
      onPause: (paused) => byId("curves").classList.toggle("paused", paused),
    });
    const ranges = /** @type {HTMLButtonElement[]} */ (all(root, "[data-range]"));
    for (const button of ranges) {
      button.addEventListener("click", () => {
        for (const each of ranges) each.setAttribute("aria-pressed", String(each === button));
        telemetry.choose(/** @type {import("./telemetry-socket.js").Range} */ (button.dataset.range));
      });
    }
    keepFresh(() => this.#load(), REFRESH_SECONDS);
  }

  async #load() {
    const overview = await request("GET /api/admin/overview");
    const { problems, status, gpus } = overview;
    const { engines, host, live, uptime_seconds, version } = status;
    showProblems(problems);
    byId("version").textContent = t("Version {version}", { version });
    byId("uptime").textContent = t("started {uptime_seconds} ago", {
      uptime_seconds: duration(uptime_seconds),
    });
    this.#machine = {
      memory: host?.memory_bytes ?? 0,
      disk: host?.disk_bytes ?? 0,
      cores: host?.cpu_count ?? 0,
      gpus,
      live: live.limit,
    };
    byId("cores").textContent = host ? tn("{count} core", "{count} cores", host.cpu_count) : "";
    byId("card-gpu").classList.toggle("without", !gpus.length);
    this.#engines.show(engines);
    showLastDay(overview);
    this.#reached.show(overview.limits.filter(({ refused }) => refused));
    this.#others.show(overview.limits.filter(({ refused }) => !refused));
    for (const card of this.#cards) card.showFigures(null);
  }
}

/** @param {string} id @param {string} empty @returns {Table<Limit>} */
function limitTable(id, empty) {
  return new Table(tableById(id), {
    key: ({ name }) => name,
    empty,
    columns: [
      { title: t("Limit"), show: ({ text }) => text },
      { title: t("Value"), show: limitValue },
      {
        title: t("Reached"),
        show: ({ refused }) => tn("{count} time", "{count} times", refused),
        number: true,
      },
    ],
  });
}

/** The settings that hold a limit, with their values. @param {Limit} limit */
function limitValue({ settings }) {
  const values = Object.entries(settings);
  if (!values.length) return t("fixed");
  const list = element("ul", undefined, "limit-values");
  list.append(
    ...values.map(([name, value]) => {
      const item = element("li", `${value === "0" ? t("no limit") : value} `);
      item.append(element("code", name));
      return item;
    }),
  );
  return list;
}

/** @param {Engine} engine */
function engineStateCell({ state, reason }) {
  const [word, tone] = ENGINE_STATES[state] ?? [state, ""];
  const tag = tagCell(word, tone);
  if (reason) tag.title = reason;
  return tag;
}

/** @param {Overview["problems"]} problems The worst first. */
function showProblems(problems) {
  const worst = problems[0]?.tone ?? "good";
  const words = {
    good: t("Everything works."),
    caution: t("Everything works; this waits for you."),
    bad: t("Something needs you."),
  };
  byId("health-word").textContent = words[worst];
  byId("health").dataset.tone = worst;
  const list = byId("reasons");
  const items = problems.map(problemItem);
  const texts = items.map((item) => item.textContent).join("");
  if (list.textContent === texts) return; // screen readers would read the same again
  list.replaceChildren(...items);
}

/** @param {Overview["problems"][number]} problem */
function problemItem({ tone, message, advice, page }) {
  const item = element("li", undefined, "notice");
  item.dataset.tone = tone;
  const words = element("p");
  words.append(element("strong", message), " ", advice);
  const link = element("a", t("Look into it"), "button");
  link.href = fromRoot(`/admin/${page}`);
  link.setAttribute("aria-label", t("Look into it: {message}", { message }));
  item.append(icon(tone === "bad" ? "circle-alert" : "triangle-alert"), words, link);
  return item;
}

/** @param {Overview} overview */
function showLastDay({ transcripts: { count, audio_seconds, processing_seconds }, failures }) {
  const failed = Object.values(failures).reduce((sum, each) => sum + each, 0);
  const pace = speed(audio_seconds, processing_seconds) ?? t("no time at all");
  byId("day-count").textContent = tn("{count} recording", "{count} recordings", count);
  byId("day-hours").textContent = count
    ? t("{audio_seconds} of audio, {pace}", { audio_seconds: duration(audio_seconds), pace })
    : t("Nothing was transcribed.");
  byId("day-failed").textContent = failed ? tn("{count} job", "{count} jobs", failed) : t("None");
  const codes = Object.entries(failures).map(([code, each]) => `${each} × ${code.replaceAll("_", " ")}`);
  byId("day-reasons").textContent = codes.join(", ");
  byId("day-link").hidden = !failed;
}
