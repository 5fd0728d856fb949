/** Backups: the daily copies, a copy now, and the restore of a backup file. */

import { fromRoot } from "../core/addresses.js";
import { ensureConfirmed, messageOf, request, upload } from "../core/api.js";
import {
  all,
  announce,
  buttonById,
  byId,
  element,
  formById,
  icon,
  inputById,
  tableById,
} from "../core/dom.js";
import { bytes } from "../core/format.js";
import { locale, t } from "../core/i18n.js";
import { confirmed } from "../ui/confirm.js";
import { Table } from "../ui/table.js";
import { toast } from "../ui/toast.js";
import { actionsCell } from "./cells.js";
import { keepFresh, showProblem, startPanel } from "./panel.js";

const REFRESH_SECONDS = 60;

/**
 * @typedef {import("../core/api.js").Responses["GET /api/admin/backups"]} Backups
 * @typedef {Backups["copies"][number]} Copy
 */

/** @param {HTMLElement} root */
export function mount(root) {
  startPanel(root);
  new BackupsPage(root);
}

class BackupsPage {
  #isOwner = false;
  /** @type {Table<Copy>} */
  #table = new Table(tableById("copies"), {
    columns: [
      { title: t("Made"), show: ({ made }) => formatDate(made), sort: ({ made }) => made },
      {
        title: t("Size"),
        show: (copy) => bytes(copy.size_bytes),
        sort: (copy) => copy.size_bytes,
        number: true,
      },
      { title: t("Name"), show: ({ name }) => element("code", name) },
      {
        title: t("Actions"),
        hideTitle: true,
        show: ({ name }) => (this.#isOwner ? downloadLink(name) : null),
      },
    ],
    key: ({ name }) => name,
    empty: t("There is no copy yet."),
  });

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.refresh = keepFresh(
      async () => this.#show(await request("GET /api/admin/backups")),
      REFRESH_SECONDS,
    );
    buttonById("copy").addEventListener("click", () => void this.#copyNow());
    byId("drop").addEventListener("click", () => void this.#cancelRestore());
    byId("download").addEventListener("click", (event) => void confirmDownload(event));
    const authority = inputById("with-authority");
    authority.addEventListener("change", () => {
      const query = authority.checked ? "?authority=true" : "";
      byId("download").setAttribute("href", fromRoot(`/api/admin/backup${query}`));
    });
    formById("restore-form").addEventListener("submit", (event) => void this.#onRestore(event));
  }

  /** @param {Backups} backups */
  #show(backups) {
    const { copies, is_owner, ready, set_aside } = backups;
    this.#isOwner = is_owner;
    for (const each of all(this.root, ".owner-only")) each.hidden = !is_owner;
    for (const each of all(this.root, ".not-owner")) each.hidden = is_owner;
    byId("copies-text").textContent = describeCopies(backups);
    byId("encryption-text").textContent = describeEncryption(backups);
    this.#table.show(copies);
    byId("ready").hidden = !ready;
    byId("drop").hidden = !is_owner;
    if (ready) byId("ready-text").textContent = describeStaged(ready);
    byId("aside").hidden = set_aside.length === 0;
    byId("aside-list").replaceChildren(...set_aside.map((path) => element("li", path)));
  }

  async #copyNow() {
    const button = buttonById("copy");
    button.disabled = true;
    try {
      await request("POST /api/admin/backups");
      toast(t("The database was copied"));
      await this.refresh();
    } catch (error) {
      showProblem(error);
    } finally {
      button.disabled = false;
    }
  }

  /** @param {SubmitEvent} event */
  async #onRestore(event) {
    event.preventDefault();
    const input = inputById("restore-file");
    const passphrase = inputById("restore-passphrase");
    const file = input.files?.[0];
    byId("restore-wrong").textContent = file ? "" : t("Choose a file first.");
    if (!file || !(await confirmRestore(file.name))) return;
    const progress = /** @type {HTMLProgressElement} */ (byId("restore-progress"));
    try {
      if (!(await ensureConfirmed())) return;
      progress.hidden = false;
      await upload("PUT /api/admin/restore", file, {
        headers: {
          "Content-Type": "application/x-tar",
          "Backup-Passphrase": encodeURIComponent(passphrase.value),
        },
        onProgress: (share) => {
          progress.value = share;
          if (share === 1) announce(t("The backup was sent and is being checked."));
        },
      });
      input.value = "";
      passphrase.value = "";
      toast(t("The backup will be restored at the next start"));
      await this.refresh();
    } catch (error) {
      byId("restore-wrong").textContent = messageOf(error);
    } finally {
      progress.hidden = true;
      progress.value = 0;
    }
  }

  async #cancelRestore() {
    try {
      await request("DELETE /api/admin/restore");
      toast(t("Nothing will be restored"));
      await this.refresh();
    } catch (error) {
      showProblem(error);
    }
  }
}

/** @param {string} fileName */
function confirmRestore(fileName) {
  const text = t(
    "At the next start, {fileName} takes the place of what is there now: transcripts, accounts, settings. What is there is set aside.",
    { fileName },
  );
  const action = t("Restore at the next start");
  return confirmed({ title: t("Restore this backup?"), text, action, name: "restore" });
}

/** @param {string} iso */
function formatDate(iso) {
  return new Date(iso).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
}

/** @param {string} name Of a copy. */
function downloadLink(name) {
  const link = element("a", undefined, "button quiet");
  link.href = fromRoot(`/api/admin/backups/${name}`);
  link.download = name;
  link.addEventListener("click", (event) => void confirmDownload(event));
  link.append(icon("download"), element("span", t("Download")), element("span", ` ${name}`, "hidden"));
  return actionsCell(link);
}

/** @param {Event} event The click on a link to a file that needs a confirmation. */
async function confirmDownload(event) {
  event.preventDefault();
  const { href } = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  try {
    if (await ensureConfirmed()) location.assign(href);
  } catch (error) {
    showProblem(error);
  }
}

/** @param {Backups} backups */
function describeCopies({ daily, encrypted, folder }) {
  const sentences = [
    daily ? t("One is made every day.") : t("Daily copies are off (BACKUP_DAILY)."),
    t("Seven are kept in {folder}.", { folder }),
    encrypted
      ? t("New ones are encrypted with BACKUP_PASSPHRASE; their names end in .age.")
      : t("New ones are not encrypted. To encrypt them, set BACKUP_PASSPHRASE."),
    t("A copy on the same disk does not help when the disk dies: download a backup now and then."),
  ];
  return sentences.join(" ");
}

/** @param {Backups} backups */
function describeEncryption({ encrypted }) {
  return encrypted
    ? t(
        "The file is encrypted with BACKUP_PASSPHRASE. Keep that elsewhere: without it nobody can restore the backup.",
      )
    : t("The file is not encrypted. To encrypt it, set BACKUP_PASSPHRASE.");
}

/** @param {NonNullable<Backups["ready"]>} staged */
function describeStaged({ whole, created, appliance }) {
  const what = whole
    ? t("The backup of {created}, made by version {appliance},", { created: formatDate(created), appliance })
    : t("A copy of the database");
  return t("{what} will be put in place at the next start. What is there now will be set aside.", { what });
}
