/** HTTPS: the certificate in use, its renewal, its names, and one's own in its place. */
import { ask } from "../core/api.js";
import { byId, element, icon } from "../core/dom.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";
import { hideProblem, keepFresh, showProblem, startPanel } from "./panel.js";

/**
 * @typedef {{kind: string, uploaded: boolean, issuer: string, names: string[], not_after: string, fingerprint: string,
 *   authority_fingerprint: string | null, warnings: string[], more_names: string[], names_fixed: string | null,
 *   own_fixed: string | null}} Certificate
 * @typedef {{https: boolean, certificate: Certificate | null}} Https
 */

const PATH = "/api/admin/certificate";
const DAY_MILLISECONDS = 86_400_000;
/** @type {Certificate | null} */
let now = null;

/** @param {string} fingerprint @returns {(string | HTMLElement)[]} It may break behind a colon, not within a byte. */
function breakable(fingerprint) {
  return (fingerprint.match(/[^:]+:?/g) ?? []).flatMap((byte) => [byte, element("wbr")]);
}

/** @param {Https} seen */
function show({ https, certificate }) {
  byId("no-https").hidden = https;
  byId("https").hidden = !certificate;
  if (!certificate) return;
  now = certificate;
  byId("warnings").replaceChildren(...certificate.warnings.map(warning));
  byId("maker").textContent = maker(certificate);
  byId("not-after").textContent = until(certificate.not_after);
  byId("names").textContent = certificate.names.join(", ");
  byId("fingerprint").replaceChildren(...breakable(certificate.fingerprint));
  byId("authority-fingerprint").replaceChildren(...breakable(certificate.authority_fingerprint ?? ""));
  for (const each of document.querySelectorAll(".of-authority")) {
    /** @type {HTMLElement} */ (each).hidden = certificate.kind === "own";
  }
  showNames(certificate);
  fixed("own", certificate.own_fixed);
  byId("own-submit").textContent = certificate.uploaded ? "Use this one instead" : "Use this certificate";
  byId("remove-own").hidden = !certificate.uploaded;
}

/** @param {Certificate} certificate */
function maker({ kind, uploaded, issuer }) {
  if (kind === "generated") return `This appliance (${issuer})`;
  return `${issuer}, ${uploaded ? "uploaded here" : "set in the environment"}`;
}

/** @param {string} iso */
function until(iso) {
  const date = new Date(iso);
  const days = Math.floor((date.getTime() - Date.now()) / DAY_MILLISECONDS);
  const written = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" }).format(date);
  return days < 0 ? `${written}: it has ended` : `${written}, in ${days} ${days === 1 ? "day" : "days"}`;
}

/** @param {string} text */
function warning(text) {
  const line = element("li");
  line.append(icon("triangle-alert"), element("span", text));
  return line;
}

/** @param {Certificate} certificate What is being typed stays. */
function showNames(certificate) {
  const field = /** @type {HTMLInputElement} */ (byId("more-names"));
  if (document.activeElement !== field) field.value = certificate.more_names.join(", ");
  fixed("names", certificate.names_fixed);
}

/** @param {string} what @param {string | null} reason */
function fixed(what, reason) {
  byId(`${what}-fixed`).hidden = !reason;
  byId(`${what}-fixed`).textContent = reason ?? "";
  byId(`${what}-form`).hidden = Boolean(reason);
}

/** @param {string} path @param {{method: string, body?: unknown}} how @param {string} done */
async function change(path, how, done) {
  const before = now?.authority_fingerprint;
  show(await ask(`${PATH}${path}`, how));
  hideProblem();
  const other = before && now?.authority_fingerprint && before !== now.authority_fingerprint;
  toast(other ? "The authority was made anew: devices have to trust it again." : done);
}

async function saveNames() {
  const names = /** @type {HTMLInputElement} */ (byId("more-names")).value
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  byId("names-wrong").textContent = "";
  try {
    await change("/names", { method: "PUT", body: { names } }, "The names are saved.");
  } catch (error) {
    byId("names-wrong").textContent = /** @type {Error} */ (error).message;
  }
}

/** @param {string} id */
const chosen = (id) => /** @type {HTMLInputElement} */ (byId(id)).files?.[0];

async function upload() {
  for (const field of ["chain", "key"]) byId(`${field}-wrong`).textContent = "";
  const [chain, key] = [chosen("own-chain"), chosen("own-key")];
  if (!chain || !key) {
    byId(`${chain ? "key" : "chain"}-wrong`).textContent = "Choose a file.";
    return;
  }
  try {
    const body = { chain: await chain.text(), key: await key.text() };
    await change("/own", { method: "PUT", body }, "New connections use this certificate from now on.");
    /** @type {HTMLFormElement} */ (byId("own-form")).reset();
  } catch (error) {
    const { message, field } = /** @type {import("../core/api.js").ApiError} */ (error);
    byId(field === "key" ? "key-wrong" : "chain-wrong").textContent = message;
  }
}

async function remove() {
  const text =
    "New connections get the appliance's own certificate again, and browsers warn where its authority is not trusted.";
  if (!(await confirmed({ title: "Remove the uploaded certificate?", text, action: "Remove" }))) return;
  await change("/own", { method: "DELETE" }, "The appliance's own certificate is back.");
}

startPanel();
byId("renew").addEventListener("click", () => {
  change("/renew", { method: "POST" }, "The certificate was renewed.").catch((error) => showProblem(error));
});
byId("names-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void saveNames();
});
byId("own-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void upload();
});
byId("remove").addEventListener("click", () => void remove().catch((error) => showProblem(error)));
keepFresh(async () => show(await ask(PATH)), 60);
