/** The models: what there is, what goes on with each, and what can be done. Follows the appliance live. */
import { ask } from "../core/api.js";
import { action, announce, byId, fromTemplate, showFacts, slot } from "../core/dom.js";
import { bytes, percent, timeLeft } from "../core/format.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";
import { hideProblem, showProblem, startPanel } from "./panel.js";

/**
 * @typedef {{state: string, progress: number, done_bytes: number, total_bytes: number | null,
 *   bytes_per_second: number | null, eta_seconds: number | null, error: string | null}} Download
 * @typedef {{kind: string, state: "running" | "done" | "failed", message: string, done_bytes: number, total_bytes: number}} Errand
 * @typedef {{name: string, state: string, reason: string | null, default: boolean, loaded: boolean, in_use: number,
 *   fits: boolean, recommended: boolean, description: string, languages: string | null, licence: string | null,
 *   repository: string | null, source: string | null, deletable: boolean, disk_bytes: number | null,
 *   download_bytes: number | null, memory_bytes: number | null, memory_estimate_bytes: number | null,
 *   device: string | null, compute_type: string | null, download: Download | null, errand: Errand | null}} Model
 * @typedef {{models: Model[], advice: string, memory_bytes: number, available_bytes: number, models_memory_bytes: number,
 *   model_dir: string, free_disk_bytes: number | null, downloads_allowed: boolean, default_fixed: string | null}} Shelf
 */

const STATES = {
  ready: ["Loaded", "good"],
  idle: ["On this machine", ""],
  loading: ["Loading", "caution"],
  downloading: ["Downloading", "caution"],
  missing: ["Not here", ""],
  failed: ["Failed", "bad"],
};
const DOING = { load: "Loading", default: "Becoming the default", verify: "Verifying", import: "Importing" };
const AGAIN_MILLISECONDS = 5000;

/** @type {Map<string, {card: HTMLElement, shown: string, model: Model}>} */
const cards = new Map();
/** @type {Shelf | null} */
let shelf = null;

/** @param {string} path @param {string} [method] @param {unknown} [body] */
async function tell(path, method = "POST", body = undefined) {
  const answer = await ask(`/api/admin/models${path}`, { method, body });
  if (answer) show(answer);
  hideProblem();
}

/** @param {Model} model */
const address = (model) => `/${model.name.split("/").map(encodeURIComponent).join("/")}`;

/** @param {Promise<void>} done */
function orTell(done) {
  done.catch((error) => showProblem(error));
}

/** @param {Shelf} seen */
function show(seen) {
  const before = new Map(shelf?.models.map((model) => [model.name, model.errand?.state ?? ""]));
  shelf = { ...seen, models: seen.models.toSorted((a, b) => Number(b.default) - Number(a.default)) };
  byId("advice").textContent = seen.advice;
  showFacts(byId("machine"), [
    seen.models_memory_bytes ? `${bytes(seen.models_memory_bytes)} used by loaded models` : "No model loaded",
    `${bytes(seen.available_bytes)} of ${bytes(seen.memory_bytes)} memory free`,
    seen.free_disk_bytes === null ? null : `${bytes(seen.free_disk_bytes)} free in ${seen.model_dir}`,
  ]);
  byId("default-fixed").hidden = !seen.default_fixed;
  byId("default-fixed").textContent = seen.default_fixed ?? "";
  byId("no-downloads").hidden = seen.downloads_allowed;
  for (const model of shelf.models) {
    showModel(model);
    if (before.get(model.name) === "running" && model.errand?.state !== "running") tellEnd(model);
  }
  forgetOthers(new Set(seen.models.map((model) => model.name)));
  byId("here").setAttribute("aria-busy", "false");
  byId("none-here").hidden = Boolean(byId("here").childElementCount);
}

/** @param {Set<string>} names */
function forgetOthers(names) {
  for (const [name, { card }] of cards) {
    if (names.has(name)) continue;
    card.remove();
    cards.delete(name);
  }
}

/** @param {Model} model */
function tellEnd(model) {
  const message = model.errand?.message ?? "";
  if (model.errand?.state === "failed") announce(`${model.name}: ${message}`);
  else if (message) toast(`${model.name}: ${message}`);
}

/** @param {Model} model */
function showModel(model) {
  const known = cards.get(model.name);
  const shown = JSON.stringify([model, shelf?.default_fixed, shelf?.downloads_allowed]);
  const list = byId(isHere(model) ? "here" : "away");
  if (known?.shown !== shown || known?.card.parentElement !== list) {
    const card = known?.card ?? made(model.name);
    fill(card, model);
    cards.set(model.name, { card, shown, model });
    place(list, card, model);
  }
}

/** @param {Model} model */
const isHere = (model) => model.source !== null || model.loaded || model.default;

/** The default comes first, the others in the order they are told; what stands right is not moved. @param {HTMLElement} list @param {HTMLElement} card @param {Model} model */
function place(list, card, model) {
  const order = shelf?.models.map((each) => each.name) ?? [];
  const rank = (/** @type {Element} */ each) => order.indexOf(each.getAttribute("data-name") ?? "");
  const after =
    [...list.children].find((each) => each !== card && rank(each) > order.indexOf(model.name)) ?? null;
  if (card.parentElement !== list || card.nextElementSibling !== after) list.insertBefore(card, after);
}

/** @param {string} name */
function made(name) {
  const card = fromTemplate("model-template");
  card.dataset.name = name;
  const now = () => /** @type {{model: Model}} */ (cards.get(name)).model;
  action(card, "main").addEventListener("click", () => orTell(mainAction(now()).run()));
  for (const kind of ["default", "verify"]) {
    action(card, kind).addEventListener("click", () => {
      closeMenu(card);
      orTell(tell(`${address(now())}/${kind}`));
    });
  }
  action(card, "delete").addEventListener("click", () => {
    closeMenu(card);
    orTell(remove(now()));
  });
  return card;
}

/** @param {HTMLElement} card */
function closeMenu(card) {
  card.querySelector("details")?.removeAttribute("open");
  slot(card, "more").focus();
}

/** @param {Model} model @returns {{label: string, run: () => Promise<void>, primary?: boolean}} */
function mainAction(model) {
  if (model.state === "downloading")
    return { label: "Cancel", run: () => tell(`${address(model)}/download`, "DELETE") };
  if (model.loaded || model.state === "ready")
    return { label: "Unload", run: () => tell(`${address(model)}/unload`) };
  if (model.source) return { label: "Load", run: () => tell(`${address(model)}/load`) };
  const label = model.download ? "Go on" : "Download";
  return { label, run: () => tell(`${address(model)}/download`), primary: model.recommended };
}

/** @param {Model} model */
async function remove(model) {
  const text = `Its files in ${shelf?.model_dir} are deleted${model.disk_bytes ? `, ${bytes(model.disk_bytes)}` : ""}. It can be downloaded or imported again.`;
  if (!(await confirmed({ title: `Delete ${model.name}?`, text, action: "Delete", name: model.name })))
    return;
  await tell(`${address(model)}?confirm=${encodeURIComponent(model.name)}`, "DELETE");
  toast(`${model.name} was deleted.`);
  await look();
}

/** @param {HTMLElement} card @param {Model} model */
function fill(card, model) {
  const [label, tone] = STATES[/** @type {keyof typeof STATES} */ (model.state)];
  slot(card, "name").textContent = model.name;
  slot(card, "default").hidden = !model.default;
  slot(card, "recommended").hidden = !model.recommended;
  slot(card, "state").textContent = model.in_use ? `${label}, in use` : label;
  slot(card, "state").dataset.tone = tone;
  slot(card, "more-label").textContent = `More about ${model.name}`;
  slot(card, "description").textContent = model.description;
  showFacts(slot(card, "facts"), facts(model));
  fillActions(card, model);
  fillWork(card, model);
  fillNote(card, model);
}

/** @param {Model} model @returns {(string | null)[]} */
function facts(model) {
  const size = model.disk_bytes ?? model.download_bytes;
  const memory = model.memory_bytes ?? model.memory_estimate_bytes;
  return [
    size === null ? null : `${bytes(size)} ${model.source ? "on disk" : "to download"}`,
    memory === null ? null : `${model.memory_bytes ? "" : "about "}${bytes(memory)} memory`,
    model.device ? [model.device.toUpperCase(), model.compute_type].filter(Boolean).join(", ") : null,
    model.languages === null ? null : model.languages === "en" ? "English" : "many languages",
    model.licence,
    model.source === "package"
      ? "from an installed package"
      : model.source === "hub cache"
        ? "in the hub's cache"
        : null,
    model.repository,
  ];
}

/** @param {HTMLElement} card @param {Model} model */
function fillActions(card, model) {
  const main = action(card, "main");
  const { label, primary } = mainAction(model);
  const { errand, source } = model;
  main.textContent = label;
  main.setAttribute("aria-label", `${label} ${model.name}`);
  main.classList.toggle("primary", Boolean(primary));
  const fetches = label === "Download" || label === "Go on";
  main.hidden =
    (fetches && !shelf?.downloads_allowed) ||
    (!model.source && !model.download && model.description === "A model of your own.");
  /** @type {HTMLButtonElement} */ (main).disabled =
    errand?.state === "running" || model.state === "loading" || (label === "Unload" && model.in_use > 0);
  const busy = errand?.state === "running" ? "Something else is being done with it." : "";
  const absent = source ? "" : "It is not on this machine.";
  const chosen = model.default ? "It is the default." : "";
  const fixed = shelf?.default_fixed ? "It is set where the appliance is started." : "";
  offer(card, "default", busy || chosen || fixed || (shelf?.downloads_allowed ? "" : absent));
  offer(card, "verify", busy || absent);
  offer(
    card,
    "delete",
    busy ||
      (model.in_use
        ? "It is in use."
        : model.deletable
          ? ""
          : chosen || absent || "It lies outside the model folder."),
  );
}

/** @param {HTMLElement} card @param {string} name @param {string} obstacle Why it can't be done; "" where it can. */
function offer(card, name, obstacle) {
  /** @type {HTMLButtonElement} */ (action(card, name)).disabled = Boolean(obstacle);
  const why = slot(card, `no-${name}`);
  why.hidden = !obstacle;
  why.textContent = obstacle;
}

/** @param {HTMLElement} card @param {Model} model */
function fillWork(card, model) {
  const bar = /** @type {HTMLProgressElement} */ (slot(card, "progress"));
  const { download, errand } = model;
  const going = download && ["running", "verifying"].includes(download.state) ? download : null;
  const doing = errand?.state === "running" ? errand : null;
  slot(card, "work").hidden = !going && !doing;
  if (going) {
    bar.value = going.progress;
    bar.setAttribute("aria-label", `Download of ${model.name}`);
    showFacts(slot(card, "pace"), pace(going));
  } else if (doing) {
    if (doing.total_bytes) bar.value = Math.min(1, doing.done_bytes / doing.total_bytes);
    else bar.removeAttribute("value");
    bar.setAttribute("aria-label", `${DOING[/** @type {keyof typeof DOING} */ (doing.kind)]} ${model.name}`);
    const share = doing.total_bytes ? percent(doing.done_bytes / doing.total_bytes) : null;
    showFacts(slot(card, "pace"), [DOING[/** @type {keyof typeof DOING} */ (doing.kind)], share]);
  }
}

/** @param {Download} download @returns {(string | null)[]} */
function pace(download) {
  if (download.state === "verifying") return ["Verifying what has arrived"];
  return [
    percent(download.progress),
    download.total_bytes ? `${bytes(download.done_bytes)} of ${bytes(download.total_bytes)}` : null,
    download.bytes_per_second ? `${bytes(download.bytes_per_second)}/s` : null,
    download.eta_seconds ? timeLeft(download.eta_seconds) : null,
  ];
}

/** @param {HTMLElement} card @param {Model} model */
function fillNote(card, model) {
  const note = slot(card, "note");
  const [text, tone] = noteOf(model);
  note.hidden = !text;
  note.textContent = text;
  note.dataset.tone = tone;
}

/** @param {Model} model @returns {[string, string]} What should be known: a failure, how the last errand ended, that it does not fit. */
function noteOf(model) {
  if (model.errand?.state === "failed") return [model.errand.message, "bad"];
  if (model.state === "failed") return [model.reason ?? "", "bad"];
  if (model.download?.state === "failed") return [model.download.error ?? "The download failed.", "bad"];
  if (model.download?.state === "cancelled")
    return [`Cancelled at ${percent(model.download.progress)}. What is here is kept.`, ""];
  if (model.state === "missing" && model.reason && model.default) return [model.reason, "bad"];
  if (!model.fits) return ["It needs more memory than this machine can give one model.", "caution"];
  if (model.errand?.kind === "verify" && model.errand.state === "done")
    return [`Verified: ${model.errand.message}`, ""];
  return ["", ""];
}

async function look() {
  try {
    show(await ask("/api/admin/models"));
    hideProblem();
  } catch (error) {
    showProblem(error, () => void look());
  }
}

/** Hears of each change; a stream that was refused is asked for again, and in between the page asks itself. */
function follow() {
  const stream = new EventSource("/api/admin/models/events");
  stream.addEventListener("models", (event) => {
    hideProblem();
    show(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    void look();
    setTimeout(follow, AGAIN_MILLISECONDS);
  });
}

/** @param {string} form @param {() => unknown} body @param {string} done */
function handle(form, body, done) {
  byId(`${form}-form`).addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = byId(`${form}-wrong`);
    wrong.textContent = "";
    try {
      await tell("", "POST", body());
      /** @type {HTMLFormElement} */ (byId(`${form}-form`)).reset();
      toast(done);
    } catch (error) {
      wrong.textContent = /** @type {Error} */ (error).message;
    }
  });
}

/** @param {string} id */
const typed = (id) => /** @type {HTMLInputElement} */ (byId(id)).value.trim();

startPanel();
handle(
  "import",
  () => ({ folder: typed("import-folder"), name: typed("import-name") }),
  "The model is being imported.",
);
handle("hub", () => ({ hub: typed("hub-id") }), "The download has begun.");
document.addEventListener("reconnected", () => void look());
follow();
