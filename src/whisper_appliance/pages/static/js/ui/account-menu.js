/** The menu of whoever is signed in. */
import { ask } from "../core/api.js";
import { toast } from "./toast.js";

/** Lets the button sign out. */
export function startAccount() {
  const button = /** @type {HTMLButtonElement | null} */ (document.getElementById("sign-out"));
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask("/api/session", { method: "DELETE" });
    } catch (error) {
      const { message, status } = /** @type {import("../core/api.js").ApiError} */ (error);
      if (status !== 401) {
        button.disabled = false;
        return toast(message);
      }
    }
    location.assign("/");
  });
}
