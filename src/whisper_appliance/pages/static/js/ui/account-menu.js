/** The menu of a signed-in user: signs out, also at the provider where the session began. */
import { fromRoot } from "../core/addresses.js";
import { request } from "../core/api.js";
import { forget } from "../core/storage.js";
import { toast } from "./toast.js";

/** @param {HTMLElement} root */
export function startAccountMenu(root) {
  const button = /** @type {HTMLButtonElement | null} */ (root.querySelector("#sign-out"));
  button?.addEventListener("click", async () => {
    button.disabled = true;
    let provider = "";
    try {
      provider = (await request("DELETE /api/session"))?.provider ?? "";
    } catch (error) {
      const { message, status } = /** @type {import("../core/api.js").ApiError} */ (error);
      if (status !== 401) {
        button.disabled = false;
        return toast(message);
      }
    }
    forget("sessionStorage"); // the names of files are not for the next person
    location.assign(provider || fromRoot("/"));
  });
}
