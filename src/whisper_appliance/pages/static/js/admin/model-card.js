/** The card of one model: its facts, its progress, and which actions are possible. */

import { action, showFacts, slot } from "../core/dom.js";
import { bytes, percent, timeLeft } from "../core/format.js";
import { t } from "../core/i18n.js";

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/models"]} Models
 * @typedef {Models["models"][number]} Model
 * @typedef {NonNullable<Model["errand"]>} Task
 * @typedef {NonNullable<Model["download"]>} Download
 * @typedef {import("./cells.js").Tone} Tone
 */

/** @type {Record<Model["state"], [string, Tone]>} */
const STATES = {
  ready: [t("Loaded"), "good"],
  idle: [t("On this machine"), ""],
  loading: [t("Loading"), "caution"],
  downloading: [t("Downloading"), "caution"],
  missing: [t("Not here"), ""],
  failed: [t("Failed"), "bad"],
};
/** @type {Record<Task["kind"], string>} */
const TASKS = {
  load: t("Loading"),
  default: t("Becoming the default"),
  verify: t("Verifying"),
  import: t("Importing"),
};
/** What the server writes of a model that is neither in the catalogue nor on the hub. */
const OWN_DESCRIPTION = t("A model of your own.");

/** @param {Model} model The list that shows it: what is rarely wanted stays out of sight. */
export function listOf({ source, loaded, default: isDefault, common, recommended, download, errand }) {
  if (source !== null || loaded || isDefault) return "here";
  return common || recommended || download || errand ? "away" : "more";
}

/**
 * @param {Model} model
 * @returns {{label: string, isDownload?: boolean, route: "POST /api/admin/models/{name}/load"
 *   | "POST /api/admin/models/{name}/unload" | "POST /api/admin/models/{name}/download"
 *   | "DELETE /api/admin/models/{name}/download"}} What the card's button does.
 */
export function mainAction({ state, loaded, source, download }) {
  if (state === "downloading")
    return { label: t("Cancel"), route: "DELETE /api/admin/models/{name}/download" };
  if (loaded || state === "ready")
    return { label: t("Unload"), route: "POST /api/admin/models/{name}/unload" };
  if (source) return { label: t("Load"), route: "POST /api/admin/models/{name}/load" };
  const label = download ? t("Go on") : t("Download");
  return { label, isDownload: true, route: "POST /api/admin/models/{name}/download" };
}

/** @param {HTMLElement} card @param {Model} model @param {Models} models */
export function fillModelCard(card, model, models) {
  const [label, tone] = STATES[model.state];
  slot(card, "name").textContent = model.name;
  slot(card, "default").hidden = !model.default;
  slot(card, "recommended").hidden = !model.recommended;
  slot(card, "state").textContent = model.in_use ? t("{label}, in use", { label }) : label;
  slot(card, "state").dataset.tone = tone;
  slot(card, "more-label").textContent = t("More about {name}", { name: model.name });
  slot(card, "description").textContent = model.description;
  showFacts(slot(card, "facts"), factsOf(model));
  showMainAction(card, model, models);
  showMenu(card, model, models);
  showProgress(card, model);
  showNote(card, model);
}

/** @param {Model} model @returns {(string | null)[]} */
function factsOf(model) {
  const size = model.disk_bytes ?? model.download_bytes;
  const memory = model.memory_bytes ?? model.memory_estimate_bytes;
  const languages = model.languages === "en" ? t("English") : t("many languages");
  return [
    size === null ? null : `${bytes(size)} ${model.source ? t("on disk") : t("to download")}`,
    memory === null ? null : memoryOf(bytes(memory), model.memory_bytes !== null),
    model.device ? [model.device.toUpperCase(), model.compute_type].filter(Boolean).join(", ") : null,
    model.languages === null ? null : languages,
    model.licence,
    describeSource(model),
    model.repository,
  ];
}

/** @param {string} size @param {boolean} isMeasured */
function memoryOf(size, isMeasured) {
  return isMeasured ? t("{size} memory", { size }) : t("about {size} memory", { size });
}

/** @param {Model} model */
function describeSource({ source }) {
  if (source === "package") return t("from an installed package");
  return source === "hub cache" ? t("in the hub's cache") : null;
}

/** @param {HTMLElement} card @param {Model} model @param {Models} models */
function showMainAction(card, model, { downloads_allowed }) {
  const button = /** @type {HTMLButtonElement} */ (action(card, "main"));
  const { label, route, isDownload = false } = mainAction(model);
  const isUnobtainable = !model.source && !model.download && model.description === OWN_DESCRIPTION;
  const isBusy = model.errand?.state === "running" || model.state === "loading";
  button.textContent = label;
  button.setAttribute("aria-label", `${label} ${model.name}`);
  button.classList.toggle("primary", isDownload && model.recommended);
  button.hidden = (isDownload && !downloads_allowed) || isUnobtainable;
  button.disabled = isBusy || (route.endsWith("/unload") && model.in_use > 0);
}

/** @param {HTMLElement} card @param {Model} model @param {Models} models */
function showMenu(card, model, { default_fixed, downloads_allowed }) {
  const busy = model.errand?.state === "running" ? t("Something else is being done with it.") : "";
  const absent = model.source ? "" : t("It is not on this machine.");
  const chosen = model.default ? t("It is the default.") : "";
  const fixed = default_fixed ? t("It is set where the appliance is started.") : "";
  slot(card, "menu").hidden = !model.source && !downloads_allowed;
  const undeletable = chosen || absent || t("It lies outside the model folder.");
  showMenuItem(card, "default", busy || chosen || fixed || (downloads_allowed ? "" : absent));
  showMenuItem(card, "verify", busy || absent);
  showMenuItem(
    card,
    "delete",
    busy || (model.in_use ? t("It is in use.") : model.deletable ? "" : undeletable),
  );
}

/** @param {HTMLElement} card @param {string} name @param {string} obstacle Why it is impossible; "" where it is not. */
function showMenuItem(card, name, obstacle) {
  /** @type {HTMLButtonElement} */ (action(card, name)).disabled = Boolean(obstacle);
  const reason = slot(card, `no-${name}`);
  reason.hidden = !obstacle;
  reason.textContent = obstacle;
}

/** @param {HTMLElement} card @param {Model} model */
function showProgress(card, { name, download, errand }) {
  const bar = /** @type {HTMLProgressElement} */ (slot(card, "progress"));
  const running = download && ["running", "verifying"].includes(download.state) ? download : null;
  const task = errand?.state === "running" ? errand : null;
  slot(card, "work").hidden = !running && !task;
  if (running) {
    bar.value = running.progress;
    bar.setAttribute("aria-label", t("Download of {name}", { name }));
    showFacts(slot(card, "pace"), describeDownload(running));
  } else if (task) {
    const share = task.total_bytes ? task.done_bytes / task.total_bytes : null;
    if (share === null) bar.removeAttribute("value");
    else bar.value = Math.min(1, share);
    bar.setAttribute("aria-label", `${TASKS[task.kind]} ${name}`);
    showFacts(slot(card, "pace"), [TASKS[task.kind], share === null ? null : percent(share)]);
  }
}

/** @param {Download} download @returns {(string | null)[]} */
function describeDownload({ state, progress, done_bytes, total_bytes, bytes_per_second, eta_seconds }) {
  if (state === "verifying") return [t("Verifying what has arrived")];
  return [
    percent(progress),
    total_bytes
      ? t("{done_bytes} of {total_bytes}", { done_bytes: bytes(done_bytes), total_bytes: bytes(total_bytes) })
      : null,
    bytes_per_second ? `${bytes(bytes_per_second)}/s` : null,
    eta_seconds ? timeLeft(eta_seconds) : null,
  ];
}

/** @param {HTMLElement} card @param {Model} model */
function showNote(card, model) {
  const note = slot(card, "note");
  const [text, tone] = noteOf(model);
  note.hidden = !text;
  note.textContent = text;
  note.dataset.tone = tone;
}

/** @param {Model} model @returns {[string, Tone]} A failure, the result of the last task, or that it does not fit. */
function noteOf({ default: isDefault, download, errand, fits, reason, state }) {
  if (errand?.state === "failed") return [errand.message, "bad"];
  if (state === "failed") return [reason ?? "", "bad"];
  if (download?.state === "failed") return [download.error ?? t("The download failed."), "bad"];
  if (download?.state === "cancelled") {
    return [
      t("Cancelled at {progress}. What is here is kept.", { progress: percent(download.progress) }),
      "",
    ];
  }
  if (state === "missing" && reason && isDefault) return [reason, "bad"];
  if (!fits) return [t("It needs more memory than this machine can give one model."), "caution"];
  if (errand?.kind === "verify" && errand.state === "done")
    return [t("Verified: {result}", { result: errand.message }), ""];
  return ["", ""];
}
