/** API keys: made, told once, revoked. */
import { confirmed } from "../ui/confirm.js";
import { ask } from "../core/api.js";
import { byId, copyText, element, showFacts } from "../core/dom.js";
import { onSubmit, say } from "../ui/form.js";
import { when } from "../core/datetime.js";
import { toast } from "../ui/toast.js";

/** @typedef {{id: string, name: string, hint: string, scopes: string[], created: string, expires: string | null, last_used: string | null}} Key */

const form = /** @type {HTMLFormElement} */ (byId("key-form"));

/** @param {Key} key */
function row(key) {
  const item = element("li", undefined, "item");
  const text = element("div");
  text.append(element("strong", key.name), " ", element("code", `${key.hint}…`));
  const ended = key.expires !== null && new Date(key.expires) <= new Date();
  const facts = element("p", undefined, "facts");
  showFacts(facts, [
    key.scopes.join(", "),
    key.last_used ? `last used ${when(key.last_used)}` : "never used",
    key.expires ? `${ended ? "ended" : "ends"} ${when(key.expires)}` : "does not end by itself",
  ]);
  text.append(facts);
  const button = element("button", "Revoke", "button danger");
  button.type = "button";
  button.setAttribute("aria-label", `Revoke ${key.name}`);
  button.addEventListener("click", () => void revoke(key));
  item.append(text, button);
  return item;
}

/** @param {Key} key */
async function revoke(key) {
  const text = "Programs that use it are refused from now on. This cannot be undone.";
  if (!(await confirmed({ title: `Revoke “${key.name}”?`, text, action: "Revoke" }))) return;
  try {
    await ask(`/api/account/keys/${key.id}`, { method: "DELETE" });
    toast("Key revoked.");
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
  await load();
}

async function load() {
  const list = byId("keys");
  try {
    /** @type {{keys: Key[]}} */
    const { keys } = await ask("/api/account/keys");
    list.replaceChildren(...keys.map(row));
    if (!keys.length)
      list.append(element("li", "No keys. Make one for each program that uses the API.", "soft"));
  } catch (error) {
    list.replaceChildren(element("li", /** @type {Error} */ (error).message, "soft"));
  }
}

/** Shows the list, and the form behind its button. */
export function startKeys() {
  const open = byId("key-open");
  open.addEventListener("click", () => {
    form.hidden = false;
    byId("key-made").hidden = true;
    form.querySelector("input")?.focus();
  });
  byId("key-cancel").addEventListener("click", () => {
    form.hidden = true;
    open.focus();
  });
  onSubmit(form, async ({ name, days }) => {
    const scopes = new FormData(form).getAll("scope").map(String);
    if (!scopes.length) return say(form, "Choose at least one thing that the key may do.");
    const made = await ask("/api/account/keys", {
      method: "POST",
      body: { name, scopes, days: days ? Number(days) : null },
    });
    form.reset();
    form.hidden = true;
    /** @type {HTMLInputElement} */ (byId("key-token")).value = made.token;
    byId("key-made").hidden = false;
    byId("key-copy").focus();
    await load();
  });
  byId("key-copy").addEventListener("click", async () => {
    const token = /** @type {HTMLInputElement} */ (byId("key-token"));
    await copyText(token.value).then(
      () => toast("Key copied."),
      () => token.select(),
    );
  });
  void load();
}
