/** HTTPS: the certificate in use, its renewal, its names, and an uploaded certificate in its place. */

import { messageOf, request } from "../core/api.js";
import { all, byId, element, formById, icon, inputById } from "../core/dom.js";
import { locale, t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { toast } from "../ui/toast.js";
import { hideProblem, keepFresh, showProblem, startPanel } from "./panel.js";

const DAY_MILLISECONDS = 86_400_000;
const REFRESH_SECONDS = 60;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/certificate"]} Https
 * @typedef {NonNullable<Https["certificate"]>} Certificate
 */

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new CertificatePage(root);
}

class CertificatePage {
  /** @type {Certificate | null} */
  #certificate = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    byId("renew").addEventListener("click", () => this.#try(this.#renew()));
    byId("remove").addEventListener("click", () => this.#try(this.#removeUploaded()));
    formById("names-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#saveNames();
    });
    formById("own-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#upload();
    });
    keepFresh(async () => this.#show(await request("GET /api/admin/certificate")), REFRESH_SECONDS);
  }

  /** @param {Promise<void>} change */
  #try(change) {
    change.catch((error) => showProblem(error));
  }

  /** @param {Https} https */
  #show({ https, certificate }) {
    byId("no-https").hidden = https;
    byId("https").hidden = !certificate;
    if (!certificate) return;
    this.#certificate = certificate;
    const { fingerprint, authority_fingerprint, kind, names, not_after, uploaded, warnings } = certificate;
    byId("warnings").replaceChildren(...warnings.map(warningItem));
    byId("maker").textContent = describeIssuer(certificate);
    byId("not-after").textContent = describeEnd(not_after);
    byId("names").textContent = names.join(", ");
    byId("fingerprint").replaceChildren(...breakableFingerprint(fingerprint));
    byId("authority-fingerprint").replaceChildren(...breakableFingerprint(authority_fingerprint ?? ""));
    for (const each of all(this.root, ".of-authority")) each.hidden = kind === "own";
    showNames(certificate);
    showFixed("own", certificate.own_fixed);
    byId("own-submit").textContent = uploaded ? t("Use this one instead") : t("Use this certificate");
    byId("remove-own").hidden = !uploaded;
  }

  /** @param {Https} https @param {string} done What to show of a change. */
  #onChanged(https, done) {
    const before = this.#certificate?.authority_fingerprint;
    this.#show(https);
    hideProblem();
    const after = this.#certificate?.authority_fingerprint;
    const hasNewAuthority = before && after && before !== after;
    toast(hasNewAuthority ? t("The authority was made anew: devices have to trust it again.") : done);
  }

  async #renew() {
    this.#onChanged(await request("POST /api/admin/certificate/renew"), t("The certificate was renewed."));
  }

  async #saveNames() {
    const names = inputById("more-names").value.split(",");
    const body = { names: names.map((name) => name.trim()).filter(Boolean) };
    byId("names-wrong").textContent = "";
    try {
      this.#onChanged(await request("PUT /api/admin/certificate/names", { body }), t("The names are saved."));
    } catch (error) {
      byId("names-wrong").textContent = messageOf(error);
    }
  }

  async #upload() {
    for (const field of ["chain", "key"]) byId(`${field}-wrong`).textContent = "";
    const [chain, key] = [inputById("own-chain").files?.[0], inputById("own-key").files?.[0]];
    if (!chain || !key) {
      byId(chain ? "key-wrong" : "chain-wrong").textContent = t("Choose a file.");
      return;
    }
    try {
      const body = { chain: await chain.text(), key: await key.text() };
      const https = await request("PUT /api/admin/certificate/own", { body });
      this.#onChanged(https, t("New connections use this certificate from now on."));
      formById("own-form").reset();
    } catch (error) {
      const { message, field } = /** @type {import("../core/api.js").ApiError} */ (error);
      byId(field === "key" ? "key-wrong" : "chain-wrong").textContent = message;
    }
  }

  async #removeUploaded() {
    const text = t(
      "New connections get the appliance's own certificate again, and browsers warn where its authority is not trusted.",
    );
    if (!(await confirmed({ title: t("Remove the uploaded certificate?"), text, action: t("Remove") })))
      return;
    const https = await request("DELETE /api/admin/certificate/own");
    this.#onChanged(https, t("The appliance's own certificate is back."));
  }
}

/** @param {string} fingerprint @returns {(string | HTMLElement)[]} A line may break after a colon, not inside a byte. */
function breakableFingerprint(fingerprint) {
  return (fingerprint.match(/[^:]+:?/g) ?? []).flatMap((byte) => [byte, element("wbr")]);
}

/** @param {Certificate} certificate */
function describeIssuer({ kind, uploaded, issuer }) {
  if (kind === "generated") return t("This appliance ({issuer})", { issuer });
  return `${issuer}, ${uploaded ? t("uploaded here") : t("set in the environment")}`;
}

/** @param {string} iso */
function describeEnd(iso) {
  const end = new Date(iso);
  const days = Math.floor((end.getTime() - Date.now()) / DAY_MILLISECONDS);
  const date = new Intl.DateTimeFormat(locale(), { dateStyle: "long" }).format(end);
  return days < 0
    ? t("{date}: it has ended", { date })
    : t("{date}, in {days}", { date, days: tn("{count} day", "{count} days", days) });
}

/** @param {string} text */
function warningItem(text) {
  const item = element("li");
  item.append(icon("triangle-alert"), element("span", text));
  return item;
}

/** A field that somebody types in is not overwritten. @param {Certificate} certificate */
function showNames({ more_names, names_fixed }) {
  const field = inputById("more-names");
  if (document.activeElement !== field) field.value = more_names.join(", ");
  showFixed("names", names_fixed);
}

/** @param {"own" | "names"} form @param {string | null} reason Why it cannot be changed here. */
function showFixed(form, reason) {
  byId(`${form}-fixed`).hidden = !reason;
  byId(`${form}-fixed`).textContent = reason ?? "";
  byId(`${form}-form`).hidden = Boolean(reason);
}
