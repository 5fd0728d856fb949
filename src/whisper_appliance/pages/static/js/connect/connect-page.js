/** Connects a program: copies values, makes a key in place, shows which requests arrived. */

import { messageOf, request } from "../core/api.js";
import { dayAndTime } from "../core/datetime.js";
import { all, buttonById, byId, element } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { copyText } from "../ui/copy-button.js";
import { startPage } from "../ui/page-frame.js";

/** @typedef {import("../core/api.js").Responses["GET /api/programs/requests"]["requests"][number]} ProgramRequest */

const DAYS_OF_A_KEY = 365;

/** @param {HTMLElement} root */
export function mount(root) {
  startPage(root);
  for (const copy of all(root, "[data-copies]")) {
    copy.addEventListener("click", () => void copyText(copied(copy), t("Copied.")));
  }
  if (root.querySelector("#key-make")) {
    buttonById("key-make").addEventListener("click", () => void makeKey(root));
  }
  if (root.querySelector("#test")) {
    buttonById("test").addEventListener("click", () => void showArrived());
  }
}

/** @param {HTMLElement} copy The button. */
function copied(copy) {
  const id = copy.dataset.copies;
  return (id ? byId(id) : copy.parentElement?.querySelector("code"))?.textContent ?? "";
}

/** @param {HTMLElement} root */
async function makeKey(root) {
  const make = buttonById("key-make");
  byId("key-problem").textContent = "";
  make.disabled = true;
  try {
    const name = byId("connect").dataset.program ?? "";
    const { token } = await request("POST /api/account/keys", {
      body: { name, scopes: ["transcribe"], days: DAYS_OF_A_KEY },
    });
    for (const place of all(root, '[data-slot="key"], [data-slot="new-key"]')) place.textContent = token;
    byId("key-made").hidden = false;
    make.hidden = true;
    /** @type {HTMLElement | null} */ (byId("key-made").querySelector("button"))?.focus();
  } catch (error) {
    byId("key-problem").textContent = messageOf(error);
    make.disabled = false;
  }
}

async function showArrived() {
  const arrived = byId("arrived");
  const test = buttonById("test");
  test.disabled = true;
  try {
    const { requests } = await request("GET /api/programs/requests");
    const protocol = byId("connect").dataset.protocol;
    const mine = requests.filter((each) => each.protocol === protocol);
    arrived.replaceChildren(mine.length ? listOf(mine) : nothing(requests));
  } catch (error) {
    arrived.replaceChildren(element("p", messageOf(error), "field-error"));
  }
  test.disabled = false;
}

/** @param {ProgramRequest[]} others Requests over other protocols. */
function nothing(others) {
  const text = others.length
    ? t("Nothing arrived over this protocol within the last hour, but something over {protocol}.", {
        protocol: others[0]?.protocol ?? "",
      })
    : t(
        "Nothing arrived within the last hour. Check the address, and whether the program trusts the certificate.",
      );
  return element("p", text, "nothing");
}

/** @param {ProgramRequest[]} requests */
function listOf(requests) {
  const list = element("ul", undefined, "arrivals");
  list.append(...requests.map(arrival));
  return list;
}

/** @param {ProgramRequest} each */
function arrival(each) {
  const failed = each.status >= 400 || each.code !== null;
  const item = element("li", undefined, failed ? "arrival failed" : "arrival");
  const head = element("p");
  head.append(element("strong", resultOf(each)), " ", element("span", dayAndTime(each.at), "soft"));
  const facts = element("p", undefined, "soft");
  const client = each.client || t("a program that does not name itself");
  const model = each.model && t("model {model}", { model: each.model });
  facts.append(element("code", each.address), ` · ${client}`, model ? ` · ${model}` : "");
  item.append(head);
  if (failed && each.message) item.append(element("p", each.message));
  item.append(facts);
  return item;
}

/** @param {ProgramRequest} each */
function resultOf({ status, code }) {
  if (status >= 400) return t("Refused: {status}", { status: `${status} ${code ?? ""}`.trim() });
  if (code) return t("Failed: {code}", { code });
  return status === 101 ? t("Connected") : t("Works: {status}", { status });
}
