/** The models: their state, what is being done with each, and the actions. Follows the server's event stream. */

import { messageOf, request } from "../core/api.js";
import { action, announce, byId, formById, fromTemplate, inputById, showFacts, slot } from "../core/dom.js";
import { bytes } from "../core/format.js";
import { t } from "../core/i18n.js";
import { onReconnected } from "../core/page-events.js";
import { EventStream } from "../core/sse.js";
import { confirmed } from "../ui/confirm.js";
import { KeyedList } from "../ui/keyed-list.js";
import { startSuggestions } from "../ui/model-suggestions.js";
import { toast } from "../ui/toast.js";
import { fillModelCard, listOf, mainAction } from "./model-card.js";
import { hideProblem, showProblem, startPanel } from "./panel.js";

const RETRY_SECONDS = 5;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/models"]} Models
 * @typedef {Models["models"][number]} Model
 */

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new ModelsPage().follow();
  startSuggestions();
}

class ModelsPage {
  /** @type {Models | null} */
  #models = null;
  /** @type {KeyedList<Model>} */
  #cards = new KeyedList({
    create: (name) => this.#createCard(name),
    fill: (card, model) => fillModelCard(card, model, /** @type {Models} */ (this.#models)),
  });

  constructor() {
    const importBody = () => ({ folder: textOf("import-folder"), name: textOf("import-name") });
    this.#startForm("import", importBody, t("The model is being imported."));
    this.#startForm("hub", () => ({ hub: textOf("hub-id") }), t("The download has begun."));
    onReconnected(() => void this.#load());
  }

  follow() {
    new EventStream("/api/admin/models/events", {
      events: {
        models: (models) => {
          hideProblem();
          this.#show(models);
        },
      },
      onRefused: () => void this.#load(), // shows why
      retrySeconds: RETRY_SECONDS,
    });
  }

  async #load() {
    try {
      this.#show(await request("GET /api/admin/models"));
      hideProblem();
    } catch (error) {
      showProblem(error, () => void this.#load());
    }
  }

  /** @param {Models} models */
  #show(models) {
    const before = new Map(this.#models?.models.map(({ name, errand }) => [name, errand?.state]));
    const sorted = models.models.toSorted((a, b) => Number(b.default) - Number(a.default));
    this.#models = { ...models, models: sorted };
    showMachine(models);
    const context = [models.default_fixed, models.downloads_allowed];
    for (const model of sorted) {
      this.#place(this.#cards.update(model.name, model, context), model);
      if (before.get(model.name) === "running" && model.errand?.state !== "running") announceEnd(model);
    }
    this.#cards.retain(new Set(sorted.map(({ name }) => name)));
    byId("here").setAttribute("aria-busy", "false");
    byId("none-here").hidden = Boolean(byId("here").childElementCount);
    byId("more-models").hidden = !byId("more").childElementCount;
  }

  /** Puts a card into its list: the default comes first. Cards in their place are not moved. @param {HTMLElement} card @param {Model} model */
  #place(card, model) {
    const list = byId(listOf(model));
    const order = this.#models?.models.map(({ name }) => name) ?? [];
    const rank = (/** @type {Element} */ each) => order.indexOf(each.getAttribute("data-name") ?? "");
    const next = [...list.children].find((each) => each !== card && rank(each) > rank(card)) ?? null;
    if (card.parentElement !== list || card.nextElementSibling !== next) list.insertBefore(card, next);
  }

  /** @param {string} name */
  #createCard(name) {
    const card = fromTemplate("model-template");
    card.dataset.name = name;
    const path = { name };
    const onMenu = (/** @type {string} */ item, /** @type {() => Promise<void>} */ run) =>
      action(card, item).addEventListener("click", () => {
        closeMenu(card);
        this.#try(run());
      });
    action(card, "main").addEventListener("click", () => {
      const { route } = mainAction(this.#cards.item(name));
      this.#try(this.#change(request(route, { path })));
    });
    onMenu("default", () => this.#change(request("POST /api/admin/models/{name}/default", { path })));
    onMenu("verify", () => this.#change(request("POST /api/admin/models/{name}/verify", { path })));
    onMenu("delete", () => this.#delete(this.#cards.item(name)));
    return card;
  }

  /** @param {Promise<Models>} response Of an action; it has all models. */
  async #change(response) {
    this.#show(await response);
    hideProblem();
  }

  /** @param {Promise<void>} action */
  #try(action) {
    action.catch((error) => showProblem(error));
  }

  /** @param {Model} model */
  async #delete({ name, disk_bytes }) {
    const size = disk_bytes ? `, ${bytes(disk_bytes)}` : "";
    const text = t("Its files in {model_dir} are deleted{size}. It can be downloaded or imported again.", {
      model_dir: this.#models?.model_dir,
      size,
    });
    if (!(await confirmed({ title: t("Delete {name}?", { name }), text, action: t("Delete"), name }))) return;
    const query = new URLSearchParams({ confirm: name });
    await request("DELETE /api/admin/models/{name}", { path: { name }, query });
    hideProblem();
    toast(t("{name} was deleted.", { name }));
    await this.#load();
  }

  /**
   * @param {"import" | "hub"} id
   * @param {() => import("../core/api.js").Requests["POST /api/admin/models"]} body
   * @param {string} done
   */
  #startForm(id, body, done) {
    const form = formById(`${id}-form`);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      byId(`${id}-wrong`).textContent = "";
      try {
        await this.#change(request("POST /api/admin/models", { body: body() }));
        form.reset();
        toast(done);
      } catch (error) {
        byId(`${id}-wrong`).textContent = messageOf(error);
      }
    });
  }
}

/** @param {string} id */
const textOf = (id) => inputById(id).value.trim();

/** @param {Models} models */
function showMachine(models) {
  const { advice, available_bytes, default_fixed, free_disk_bytes, memory_bytes } = models;
  const used = models.models_memory_bytes;
  byId("advice").textContent = advice;
  showFacts(byId("machine"), [
    used ? t("{used} used by loaded models", { used: bytes(used) }) : t("No model loaded"),
    t("{available_bytes} of {memory_bytes} memory free", {
      available_bytes: bytes(available_bytes),
      memory_bytes: bytes(memory_bytes),
    }),
    free_disk_bytes === null
      ? null
      : t("{free_disk_bytes} free in {model_dir}", {
          free_disk_bytes: bytes(free_disk_bytes),
          model_dir: models.model_dir,
        }),
  ]);
  byId("default-fixed").hidden = !default_fixed;
  byId("default-fixed").textContent = default_fixed ?? "";
  byId("no-downloads").hidden = models.downloads_allowed;
}

/** @param {Model} model */
function announceEnd({ name, errand }) {
  const message = errand?.message ?? "";
  if (errand?.state === "failed") announce(`${name}: ${message}`);
  else if (message) toast(`${name}: ${message}`);
}

/** @param {HTMLElement} card */
function closeMenu(card) {
  card.querySelector("details")?.removeAttribute("open");
  slot(card, "more").focus();
}
