/** One's account: name and password, where one is signed in, keys, use, data, its end. */
import { startKeys } from "./api-keys.js";
import { startSessions } from "./sessions.js";
import { startUse } from "./usage.js";
import { ask } from "../core/api.js";
import { byId } from "../core/dom.js";
import { onSubmit } from "../ui/form.js";
import { startPage } from "../ui/page-frame.js";
import { toast } from "../ui/toast.js";

/** @param {string} id */
const form = (id) => /** @type {HTMLFormElement} */ (byId(id));

onSubmit(form("name-form"), async ({ name }) => {
  await ask("/api/account", { method: "PATCH", body: { name } });
  toast("Name changed. It is the one to sign in with from now on.");
});

onSubmit(form("password-form"), async ({ old, new: wanted }) => {
  await ask("/api/account/password", { method: "POST", body: { old, new: wanted } });
  form("password-form").reset();
  toast("Password changed. You were signed out everywhere else.");
  await sessions();
});

const dialog = /** @type {HTMLDialogElement} */ (byId("delete-dialog"));
byId("delete-open").addEventListener("click", () => dialog.showModal());
byId("delete-no").addEventListener("click", () => dialog.close());
onSubmit(form("delete-form"), async ({ password }) => {
  await ask("/api/account", { method: "DELETE", body: { password } });
  location.assign("/");
});

startPage();
const sessions = startSessions();
startKeys();
startUse();
