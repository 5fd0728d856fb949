/** Webhooks and e-mail addresses of the account: added, tested, deleted, with what became of their last messages. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, element, formById, icon, inputById, showFacts } from "../core/dom.js";
import { t, tn } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { startCopyButton } from "../ui/copy-button.js";
import { onSubmit } from "../ui/form.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account/webhooks"]["webhooks"][number]} Webhook */
/** @typedef {Webhook["deliveries"][number]} Delivery */

const REFRESH_MS = 1000;
const REFRESHES = 20;
const SHOWN = 5;
const MAILTO = "mailto:";

/** Starts the list, and the form behind its button. */
export function startWebhooks() {
  const form = formById("webhook-form");
  const open = byId("webhook-open");
  open.addEventListener("click", () => {
    form.hidden = false;
    byId("webhook-made").hidden = true;
    form.querySelector("input")?.focus();
  });
  byId("webhook-cancel").addEventListener("click", () => {
    form.hidden = true;
    open.focus();
  });
  onSubmit(form, ({ url = "" }) => createWebhook(form, url));
  const mailForm = document.getElementById("mail-form");
  if (mailForm instanceof HTMLFormElement) {
    onSubmit(mailForm, ({ address = "" }) => addAddress(mailForm, address));
  }
  startCopyButton("webhook-copy", inputById("webhook-secret"), t("Secret copied."));
  void loadWebhooks();
}

/** @param {HTMLFormElement} form @param {string} url */
async function createWebhook(form, url) {
  const { secret } = await request("POST /api/account/webhooks", { body: { url } });
  form.reset();
  form.hidden = true;
  inputById("webhook-secret").value = secret;
  byId("webhook-made").hidden = false;
  byId("webhook-copy").focus();
  await loadWebhooks();
}

/** @param {HTMLFormElement} form @param {string} address */
async function addAddress(form, address) {
  await request("POST /api/account/webhooks", { body: { url: MAILTO + address } });
  form.reset();
  toast(t("A link was sent to {address}. Open it within a day.", { address }));
  await loadWebhooks();
}

/** @param {Webhook} webhook */
const isMail = ({ url }) => url.startsWith(MAILTO);

/** @param {Webhook} webhook @returns {string} The address as people write it. */
const addressOf = ({ url }) => url.replace(MAILTO, "");

/** @returns {Promise<Webhook[]>} */
async function loadWebhooks() {
  const list = byId("webhooks");
  try {
    const { webhooks } = await request("GET /api/account/webhooks");
    const opened = new Set([...document.querySelectorAll(".webhook details[open]")].map((each) => each.id));
    const items = (/** @type {Webhook[]} */ some) => some.map((webhook) => webhookItem(webhook, opened));
    const servers = webhooks.filter((each) => !isMail(each));
    list.replaceChildren(...items(servers));
    if (!servers.length) list.append(element("li", t("No webhooks."), "soft"));
    document.getElementById("mails")?.replaceChildren(...items(webhooks.filter(isMail)));
    return webhooks;
  } catch (error) {
    list.replaceChildren(element("li", messageOf(error), "soft"));
    return [];
  }
}

/** @param {Webhook} webhook @param {Set<string>} opened Ids of the lists of messages that are open. */
function webhookItem(webhook, opened) {
  const { url, created, disabled_at, confirmed_at, deliveries } = webhook;
  const item = element("li", undefined, "item webhook");
  const text = element("div");
  const { host, pathname, search } = new URL(url);
  const address = addressOf(webhook);
  const [name, path] = isMail(webhook) ? [address, ""] : [host, pathname + search];
  const facts = element("p", undefined, "facts");
  showFacts(facts, [
    path,
    confirmed_at ? null : t("not confirmed yet: open the link that was sent there"),
    disabled_at
      ? t("switched off by its server; a test switches it on")
      : t("since {created}", { created: dayAndTimeInline(created) }),
  ]);
  text.append(element("strong", name), facts);
  if (deliveries.length) text.append(deliveryList(webhook, opened));
  const actions = element("div", undefined, "item-actions");
  const test = confirmed_at
    ? button(t("Send test"), "button", () => void sendTest(webhook))
    : button(t("Send again"), "button", () => void sendLink(webhook));
  const label = confirmed_at
    ? t("Send test to {url}", { url: address })
    : t("Send again: the link to {url}", { url: address });
  test.setAttribute("aria-label", label);
  const remove = button(t("Delete"), "button danger", () => void deleteWebhook(webhook));
  remove.setAttribute("aria-label", t("Delete {url}", { url: address }));
  actions.append(test, remove);
  item.append(text, actions);
  return item;
}

/** @param {Webhook} webhook @param {Set<string>} opened */
function deliveryList({ id, deliveries }, opened) {
  const details = element("details", undefined, "about");
  details.id = `deliveries-${id}`;
  details.open = opened.has(details.id);
  const list = element("ul", undefined, "deliveries");
  const last = deliveries[0];
  const summary = last ? t("Last message: {outcome}", { outcome: outcome(last) }) : "";
  list.append(...deliveries.slice(0, SHOWN).map((each) => element("li", describe(each))));
  const line = element("summary", summary);
  line.append(icon("chevron-down"));
  details.append(line, list);
  return details;
}

/** @param {Delivery} delivery */
function describe(delivery) {
  const { event, created, attempts, next_at } = delivery;
  const names = {
    "job.done": t("transcribed"),
    "job.failed": t("failed"),
    test: t("test"),
    confirm: t("confirmation"),
  };
  const parts = [dayAndTimeInline(created), names[event], outcome(delivery)];
  if (attempts > 1) parts.push(tn("{count} attempt", "{count} attempts", attempts));
  if (next_at && attempts) parts.push(t("again {time}", { time: dayAndTimeInline(next_at) }));
  return parts.join(" · ");
}

/** @param {Delivery} delivery */
function outcome({ status, status_code, error, attempts }) {
  if (status === "delivered") return t("delivered");
  if (!attempts) return t("being sent");
  return error ? problem(error) : t("the server answered {status}", { status: String(status_code) });
}

/** @param {string} code */
function problem(code) {
  /** @type {Record<string, string>} */
  const texts = {
    timeout: t("the server took too long"),
    unreachable: t("the server cannot be reached"),
    unknown_host: t("there is no such host"),
    untrusted: t("its certificate is not trusted"),
    refused_address: t("its address is in a private network"),
    too_many_redirects: t("it redirects too often"),
    not_configured: t("this appliance sends no e-mail any more"),
  };
  return texts[code] ?? code;
}

/** @param {Webhook} webhook */
async function sendLink(webhook) {
  try {
    await request("POST /api/account/webhooks/{id}/confirmation", { path: { id: webhook.id } });
    toast(t("A link was sent to {address}. Open it within a day.", { address: addressOf(webhook) }));
  } catch (error) {
    toast(messageOf(error));
  }
  await loadWebhooks();
}

/** @param {Webhook} webhook */
async function sendTest({ id }) {
  try {
    await request("POST /api/account/webhooks/{id}/test", { path: { id } });
    await showOutcome(id);
  } catch (error) {
    toast(messageOf(error));
  }
}

/** Loads the list until the test message was tried. @param {string} id */
async function showOutcome(id) {
  for (let count = 0; count < REFRESHES; count += 1) {
    const webhooks = await loadWebhooks();
    const last = webhooks.find((each) => each.id === id)?.deliveries[0];
    if (!last) return;
    if (last.attempts) {
      toast(t("Test message: {outcome}.", { outcome: outcome(last) }));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}

/** @param {Webhook} webhook */
async function deleteWebhook(webhook) {
  const { id } = webhook;
  const url = addressOf(webhook);
  const text = t("Nothing more is sent there, also not what waits.");
  if (!(await confirmed({ title: t("Delete “{url}”?", { url }), text, action: t("Delete") }))) return;
  try {
    await request("DELETE /api/account/webhooks/{id}", { path: { id } });
    toast(isMail(webhook) ? t("Address deleted.") : t("Webhook deleted."));
  } catch (error) {
    toast(messageOf(error));
  }
  await loadWebhooks();
}
