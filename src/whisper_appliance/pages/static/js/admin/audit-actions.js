/** The records of the audit log in words: who did what, and its details. */

import { t } from "../core/i18n.js";

/** @type {Record<string, string>} */
const WORDS = {
  "appliance.openness": t("Who may use it was changed"),
  "appliance.restart": t("Appliance restarted"),
  "audit.export": t("Audit log exported"),
  "backup.copy": t("Database copied"),
  "backup.download": t("Backup downloaded"),
  "certificate.names": t("Names of the certificate changed"),
  "certificate.remove": t("Certificate removed"),
  "certificate.renew": t("Certificate renewed"),
  "certificate.upload": t("Certificate uploaded"),
  "client_secret.create": t("Client secret made"),
  "data.export": t("Own data exported"),
  "invitation.accept": t("Invitation accepted"),
  "invitation.create": t("Invitation made"),
  "invitation.revoke": t("Invitation revoked"),
  "job.cancel": t("Job cancelled"),
  "job.first": t("Job put first"),
  "key.create": t("API key made"),
  "key.revoke": t("API key revoked"),
  "live.end": t("Live session ended"),
  "logs.download": t("Logs downloaded"),
  "model.default": t("Default model chosen"),
  "model.delete": t("Model deleted"),
  "model.download": t("Model downloaded"),
  "model.import": t("Model imported"),
  "model.load": t("Model loaded"),
  "model.unload": t("Model unloaded"),
  "model.verify": t("Model verified"),
  "passkey.create": t("Passkey added"),
  "passkey.remove": t("Passkey removed"),
  "recording.delete": t("Recording deleted"),
  "recording.download": t("Recording downloaded"),
  "recording.keep": t("Recording kept longer"),
  "restore.drop": t("Restore called off"),
  "restore.ready": t("Restore prepared"),
  "second_factor.codes": t("New recovery codes"),
  "second_factor.off": t("Second factor off"),
  "second_factor.on": t("Second factor on"),
  "second_factor.recovery": t("Recovery code used"),
  "session.confirm": t("Password confirmed"),
  "session.end": t("Session ended"),
  "session.end_others": t("Other sessions ended"),
  "setting.change": t("Setting changed"),
  "setting.reset": t("Setting reset"),
  "note.delete": t("Note of somebody else deleted"),
  "share.download": t("Shared recording downloaded"),
  "share.export": t("Shared transcript downloaded"),
  "share.give_up": t("Share given up"),
  "share.link": t("Shared by link"),
  "share.revoke": t("Share ended"),
  "share.folder": t("Folder shared"),
  "share.user": t("Shared with a user"),
  sign_in: t("Signed in"),
  "sign_in.failed": t("Sign-in failed"),
  "support.download": t("Support bundle downloaded"),
  "transcript.delete": t("Transcript deleted"),
  "transcript.empty_trash": t("Trash emptied"),
  "transcript.export": t("Transcript downloaded"),
  "transcript.import": t("Transcript imported"),
  "transcript.restore": t("Transcript restored"),
  "transcript.restore_version": t("Version restored"),
  "transcript.translate": t("Translation begun"),
  "transcript.delete_translation": t("Translation deleted"),
  "updates.check": t("Looked for new versions"),
  "user.create": t("Account made"),
  "user.delete": t("Account deleted"),
  "user.disable": t("Account disabled"),
  "user.enable": t("Account enabled"),
  "user.hand_over": t("Data handed over"),
  "user.link": t("Account linked to the sign-in provider"),
  "user.password": t("Password changed"),
  "user.quota": t("Quota changed"),
  "user.rename": t("Account renamed"),
  "user.role": t("Role changed"),
  "webhook.create": t("Webhook made"),
  "webhook.delete": t("Webhook deleted"),
  "webhook.confirm": t("E-mail address confirmed"),
};

/** Those who are no user. @type {Record<string, string>} */
const ACTORS = {
  "first start": t("First start"),
  "sign-in provider": t("Sign-in provider"),
  nobody: t("Nobody"),
  shell: t("Command line"),
  visitor: t("Visitor"),
};

/** @type {Record<string, string>} */
const DETAILS = {
  audio: t("with audio"),
  codes_left: t("codes left"),
  count: t("number"),
  days: t("days"),
  expires: t("until"),
  factor: t("factor"),
  failed: t("failed"),
  fingerprint: t("fingerprint"),
  format: t("format"),
  freed: t("taken over"),
  from: t("from"),
  heir: t("heir"),
  host: t("host"),
  invited_by: t("invited by"),
  issuer: t("issuer"),
  key: t("API key"),
  minutes_per_month: t("minutes a month"),
  name: t("name"),
  names: t("names"),
  note: t("note"),
  owner: t("owner"),
  removed: t("removed"),
  revision: t("version"),
  role: t("role"),
  scopes: t("permissions"),
  seconds: t("seconds"),
  sessions: t("sessions"),
  share: t("share"),
  state: t("state"),
  storage_bytes: t("bytes of storage"),
  to: t("to"),
  user: t("user"),
  value: t("value"),
  waiting_jobs: t("waiting jobs"),
};

const ROLES = { owner: t("Owner"), admin: t("Admin"), member: t("Member") };
/** Values that are names of the program, by detail, or by action and detail. @type {Record<string, Record<string, string>>} */
const VALUES = {
  "appliance.openness to": { accounts: t("people with an account"), network: t("anyone on its network") },
  "user.role from": ROLES,
  "user.role to": ROLES,
  audio: { true: t("yes"), false: t("no") },
  factor: { code: t("code"), passkey: t("passkey") },
  role: ROLES,
};

/** @param {string} action @returns {string} An action that has no words is shown as it is recorded. */
export const wordsOf = (action) => WORDS[action] ?? action;

/** @typedef {import("../core/api.js").Responses["GET /api/admin/audit"]["records"][number]} AuditRecord */

/** @param {Pick<AuditRecord, "actor" | "actor_name">} record @returns {string} */
export function actorOf({ actor, actor_name }) {
  const isUser = actor && actor_name !== "visitor";
  return (!isUser && ACTORS[actor_name]) || actor_name;
}

/** @param {Pick<AuditRecord, "action" | "details">} record @returns {string} Its details, each behind its name. */
export function detailsOf({ action, details }) {
  const facts = Object.entries(details).map(([name, value]) => {
    const values = VALUES[`${action} ${name}`] ?? VALUES[name];
    return `${DETAILS[name] ?? name} ${values?.[String(value)] ?? value}`;
  });
  return facts.join(", ");
}
