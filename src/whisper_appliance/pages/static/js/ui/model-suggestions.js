/** A faster model, the present one and a better one, from a measurement of this machine. */

import { messageOf, request } from "../core/api.js";
import { button, buttonById, byId, element } from "../core/dom.js";
import { duration } from "../core/format.js";
import { t } from "../core/i18n.js";

/** @typedef {import("../core/api.js").Responses["GET /api/admin/model-suggestions"]["suggestions"][number]} Suggestion */

/** @type {Record<Suggestion["kind"], string>} */
const KINDS = { faster: t("Faster"), yours: t("Yours"), better: t("Better") };

/** Starts the button `#measure`, and shows what an earlier measurement suggests. */
export function startSuggestions() {
  buttonById("measure").addEventListener("click", () => void measure());
  request("GET /api/admin/model-suggestions").then(show, () => {}); // the button says what is wrong
}

async function measure() {
  buttonById("measure").disabled = true;
  byId("measure-state").textContent = t("Measuring. This takes about ten seconds.");
  try {
    show(await request("POST /api/admin/model-suggestions"));
    byId("measure-state").textContent = t("Measured. Other work on this machine makes it slower.");
  } catch (error) {
    byId("measure-state").textContent = messageOf(error);
  } finally {
    buttonById("measure").disabled = false;
  }
}

/** @param {{suggestions: Suggestion[]}} response */
function show({ suggestions }) {
  byId("suggestions").replaceChildren(...suggestions.map(card));
}

/** @param {Suggestion} suggestion */
function card({ kind, model, description, hour_seconds, fits, installed }) {
  const item = element("li", undefined, "suggestion");
  item.dataset.kind = kind;
  const time =
    hour_seconds === null
      ? ""
      : t("An hour of audio takes about {time}.", { time: duration(rounded(hour_seconds)) });
  item.append(
    element("p", KINDS[kind], "kind"),
    element("h3", model),
    element("p", time),
    element("p", description),
  );
  if (!fits) item.append(element("p", t("It needs more memory than this machine can give one model.")));
  else if (kind !== "yours") {
    const label = installed ? t("Use it") : t("Download and use it");
    const use = button(label, "button", () => void choose(model));
    use.setAttribute("aria-label", `${label}: ${model}`);
    item.append(use);
  }
  return item;
}

/** @param {string} name */
async function choose(name) {
  try {
    await request("POST /api/admin/models/{name}/default", { path: { name } });
    byId("measure-state").textContent = t(
      "{name} becomes the default as soon as it is loaded. Models shows how far it is.",
      {
        name,
      },
    );
  } catch (error) {
    byId("measure-state").textContent = messageOf(error);
  }
}

/** @param {number} seconds @returns {number} As exact as an estimate is: whole minutes from five minutes on. */
const rounded = (seconds) => (seconds < 300 ? Math.ceil(seconds / 10) * 10 : Math.round(seconds / 60) * 60);
