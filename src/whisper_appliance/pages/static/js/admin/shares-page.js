/** All shares of all users; each can be ended. */
import { messageOf, request } from "../core/api.js";
import { dayAndTimeCell } from "../core/datetime.js";
import { button, inputById, tableById } from "../core/dom.js";
import { confirmed } from "../ui/confirm.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { actionsCell, idCell } from "./cells.js";
import { keepFresh, startPanel } from "./panel.js";

const REFRESH_SECONDS = 30;

/** @typedef {import("../core/api.js").Responses["GET /api/admin/shares"]["shares"][number]} Share */

/** @param {Share} share */
const recipient = ({ user }) => user ?? "Anyone with the link";
/** @param {Share} share */
const sharer = ({ by }) => by ?? "A visitor";

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  /** @type {Table<Share>} */
  const table = new Table(tableById("shares"), {
    columns: [
      { title: "By", show: sharer, sort: sharer },
      { title: "With", show: recipient, sort: recipient },
      { title: "Transcript", show: ({ transcript }) => idCell(transcript) },
      { title: "Since", show: ({ created }) => dayAndTimeCell(created), sort: ({ created }) => created },
      {
        title: "Ends",
        show: ({ expires }) => (expires ? dayAndTimeCell(expires) : "when it is ended"),
        sort: ({ expires }) => expires,
      },
      { title: "Actions", show: (share) => endButton(share, () => refresh()), hideTitle: true },
    ],
    key: ({ id }) => id,
    empty: "Nothing is shared.",
    words: (share) => `${sharer(share)} ${recipient(share)} ${share.transcript}`,
    order: [3, "descending"],
  });
  table.filterBy(inputById("filter"));
  const load = async () => table.show((await request("GET /api/admin/shares")).shares);
  const refresh = keepFresh(load, REFRESH_SECONDS);
}

/** @param {Share} share @param {() => Promise<void>} refresh */
function endButton(share, refresh) {
  const end = button("End", "button danger", () => void endShare(share, refresh));
  end.setAttribute("aria-label", `End the share of ${sharer(share)} with ${recipient(share)}`);
  return actionsCell(end);
}

/** @param {Share} share @param {() => Promise<void>} refresh */
async function endShare({ id, user }, refresh) {
  const text = user ? `${user} can no longer read this transcript.` : "The link stops working.";
  if (!(await confirmed({ title: "End this share?", text, action: "End it" }))) return;
  try {
    await request("DELETE /api/admin/shares/{id}", { path: { id } });
    toast("Share ended.");
  } catch (error) {
    toast(messageOf(error));
  }
  await refresh();
}
