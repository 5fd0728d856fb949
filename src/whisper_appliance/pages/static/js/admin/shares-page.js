/** All shares of all users; each can be ended. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeCell } from "../core/datetime.js";
import { button, inputById, tableById } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { actionsCell, idCell } from "./cells.js";
import { keepFresh, startPanel } from "./panel.js";

const REFRESH_SECONDS = 30;

/** @typedef {import("../core/api.js").Responses["GET /api/admin/shares"]["shares"][number]} Share */

/** @param {Share} share */
const recipient = ({ user }) => user ?? t("Anyone with the link");
/** @param {Share} share */
const sharer = ({ by }) => by ?? t("A visitor");

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  /** @type {Table<Share>} */
  const table = new Table(tableById("shares"), {
    columns: [
      { title: "By", show: sharer, sort: sharer },
      { title: t("With"), show: recipient, sort: recipient },
      { title: t("Transcript"), show: ({ transcript }) => idCell(transcript) },
      { title: t("Since"), show: ({ created }) => dayAndTimeCell(created), sort: ({ created }) => created },
      {
        title: t("Ends"),
        show: ({ expires }) => (expires ? dayAndTimeCell(expires) : t("when it is ended")),
        sort: ({ expires }) => expires,
      },
      { title: t("Actions"), show: (share) => endButton(share, () => refresh()), hideTitle: true },
    ],
    key: ({ id }) => id,
    empty: t("Nothing is shared."),
    words: (share) => `${sharer(share)} ${recipient(share)} ${share.transcript}`,
    order: [3, "descending"],
  });
  table.filterBy(inputById("filter"));
  const load = async () => table.show((await request("GET /api/admin/shares")).shares);
  const refresh = keepFresh(load, REFRESH_SECONDS);
}

/** @param {Share} share @param {() => Promise<void>} refresh */
function endButton(share, refresh) {
  const end = button(t("End"), "button danger", () => void endShare(share, refresh));
  end.setAttribute(
    "aria-label",
    t("End the share of {sharer} with {recipient}", { sharer: sharer(share), recipient: recipient(share) }),
  );
  return actionsCell(end);
}

/** @param {Share} share @param {() => Promise<void>} refresh */
async function endShare({ id, user }, refresh) {
  const text = user
    ? t("{user} can no longer read this transcript.", { user })
    : t("The link stops working.");
  if (!(await confirmed({ title: t("End this share?"), text, action: t("End it") }))) return;
  try {
    await request("DELETE /api/admin/shares/{id}", { path: { id } });
    toast(t("Share ended."));
  } catch (error) {
    toast(messageOf(error));
  }
  await refresh();
}
