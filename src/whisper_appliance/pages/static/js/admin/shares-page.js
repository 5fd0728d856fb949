/** Everything that is shared; each share can be ended. */
import { ask } from "../core/api.js";
import { byId, element } from "../core/dom.js";
import { moment } from "../core/datetime.js";
import { toast } from "../ui/toast.js";
import { confirmed } from "../ui/confirm.js";
import { keepFresh, startPanel } from "./panel.js";
import { Table } from "../ui/table.js";

/** @typedef {{id: string, transcript: string, by: string | null, user: string | null, created: string, expires: string | null}} Share */

/** @param {Share} share */
const withWhom = (share) => share.user ?? "Anyone with the link";
/** @param {Share} share */
const byWhom = (share) => share.by ?? "A visitor";

/** @param {Share} share */
function actions(share) {
  const box = element("div", undefined, "cell-actions");
  const end = element("button", "End", "button danger");
  end.type = "button";
  end.setAttribute("aria-label", `End the share of ${byWhom(share)} with ${withWhom(share)}`);
  end.addEventListener("click", () => void revoke(share));
  box.append(end);
  return box;
}

/** @param {Share} share */
async function revoke(share) {
  const text = share.user
    ? `${share.user} can no longer read this transcript.`
    : "The link leads nowhere from then on.";
  if (!(await confirmed({ title: "End this share?", text, action: "End it" }))) return;
  try {
    await ask(`/api/admin/shares/${share.id}`, { method: "DELETE" });
    toast("Share ended.");
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
  await refresh();
}

const table = new Table(/** @type {HTMLTableElement} */ (byId("shares")), {
  columns: [
    { title: "By", show: byWhom, sort: byWhom },
    { title: "With", show: withWhom, sort: withWhom },
    { title: "Transcript", show: (share) => element("code", share.transcript.slice(0, 8)) },
    { title: "Since", show: (share) => moment(share.created), sort: (share) => share.created },
    {
      title: "Ends",
      show: (share) => (share.expires ? moment(share.expires) : "when it is ended"),
      sort: (share) => share.expires,
    },
    { title: "Actions", show: actions, hideTitle: true },
  ],
  key: (share) => share.id,
  empty: "Nothing is shared.",
  words: (share) => `${byWhom(share)} ${withWhom(share)} ${share.transcript}`,
  order: [3, "descending"],
});
table.filterBy(/** @type {HTMLInputElement} */ (byId("filter")));

startPanel();
const refresh = keepFresh(async () => table.show((await ask("/api/admin/shares")).shares), 30);
