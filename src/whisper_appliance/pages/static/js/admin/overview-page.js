/** How the appliance is: health and facts, asked for now and then; curves, told over the socket. */
import { ask } from "../core/api.js";
import { byId, element, icon } from "../core/dom.js";
import { bytes, counted, span, speed } from "../core/format.js";
import { CURVES, Card } from "./charts/overview-cards.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";
import { Watch } from "./telemetry-socket.js";

/** @typedef {{model: string, state: string, reason: string, device: string, compute_type: string, memory_bytes: number, workers: number, heard_seconds: number, busy_seconds: number, restarts: number}} Engine */

const SECONDS = 5;
/** @type {import("./charts/overview-cards.js").Machine} */
const machine = { memory: 0, disk: 0, cores: 0, cards: [], live: 0 };

/** @param {{status: string, reasons: {code: string, message: string}[]}} health */
function showHealth(health) {
  const well = health.status === "ok";
  byId("health-word").textContent = well ? "Everything works." : "Something needs you.";
  byId("health").dataset.tone = well ? "good" : "bad";
  const before = byId("reasons").textContent;
  const said = health.reasons.map(({ message }) => message);
  if (before === said.join("")) return;
  byId("reasons").replaceChildren(
    ...said.map((message) => {
      const line = element("li", undefined, "notice");
      line.append(icon("triangle-alert"), element("span", message));
      return line;
    }),
  );
}

/** @param {any} overview */
function showDay({ transcripts, failures }) {
  const failed = Object.values(failures).reduce((sum, count) => sum + Number(count), 0);
  byId("day-count").textContent = counted(transcripts.count, "recording");
  byId("day-hours").textContent = transcripts.count
    ? `${span(transcripts.audio_seconds)} of audio, ${speed(transcripts.audio_seconds, transcripts.processing_seconds) ?? "no time at all"}`
    : "Nothing was transcribed.";
  byId("day-failed").textContent = failed ? counted(failed, "job") : "None";
  const reasons = Object.entries(failures).map(([code, count]) => `${count} × ${code.replaceAll("_", " ")}`);
  byId("day-reasons").textContent = reasons.join(", ");
  byId("day-link").hidden = !failed;
}

/** @type {Table<Engine>} */
const engines = new Table(/** @type {HTMLTableElement} */ (byId("engines")), {
  key: (engine) => engine.model,
  empty: "No model is loaded. The next recording loads one.",
  columns: [
    { title: "Model", show: (engine) => engine.model },
    { title: "State", show: (engine) => state(engine) },
    { title: "Runs on", show: (engine) => [engine.device, engine.compute_type].filter(Boolean).join(", ") },
    { title: "Memory", show: (engine) => bytes(engine.memory_bytes), number: true },
    { title: "Side by side", show: (engine) => counted(engine.workers, "window"), number: true },
    {
      title: "Heard",
      show: (engine) => (engine.heard_seconds ? span(engine.heard_seconds) : "nothing yet"),
      number: true,
    },
    {
      title: "Speed",
      show: (engine) => speed(engine.heard_seconds, engine.busy_seconds) ?? "",
      number: true,
    },
    { title: "Restarts", show: (engine) => String(engine.restarts), number: true },
  ],
});

/** @param {Engine} engine */
function state({ state, reason }) {
  const tag = element("span", state, "tag");
  tag.dataset.tone =
    /** @type {Record<string, string>} */ ({ busy: "good", idle: "good", loading: "caution", failed: "bad" })[
      state
    ] ?? "";
  if (reason) tag.title = reason;
  return tag;
}

async function load() {
  const overview = await ask("/api/admin/overview");
  const { status, gpus } = overview;
  showHealth(status.health);
  byId("version").textContent = `Version ${status.version}`;
  byId("uptime").textContent = `started ${span(status.uptime_seconds)} ago`;
  Object.assign(machine, {
    memory: status.host?.memory_bytes ?? 0,
    disk: status.host?.disk_bytes ?? 0,
    cores: status.host?.cpu_count ?? 0,
    cards: gpus,
    live: status.live.limit,
  });
  byId("cores").textContent = machine.cores ? counted(machine.cores, "core") : "";
  byId("card-gpu").classList.toggle("without", !gpus.length);
  engines.show(status.engines);
  showDay(overview);
  for (const card of cards) card.say(null);
}

startPanel();
const cards = CURVES.map((curve) => new Card(byId(`card-${curve.id}`), curve, () => machine));
const watch = new Watch({
  onSamples: (samples, seconds) => cards.forEach((card) => card.show(samples, seconds)),
  onClosed: (message) => showProblem({ message, offline: false }),
  onPause: (paused) => byId("curves").classList.toggle("paused", paused),
});
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
  document.querySelectorAll("[data-range]")
)) {
  button.addEventListener("click", () => {
    for (const each of document.querySelectorAll("[data-range]"))
      each.setAttribute("aria-pressed", String(each === button));
    watch.choose(/** @type {"minutes" | "day"} */ (button.dataset.range));
  });
}
keepFresh(load, SECONDS);
