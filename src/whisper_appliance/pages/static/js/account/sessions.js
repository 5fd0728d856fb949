/** The browsers in which the user is signed in; each session can be ended, and all others at once. */

import { messageOf, request } from "../core/api.js";
import { dayAndTimeInline } from "../core/datetime.js";
import { button, byId, element, showFacts } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { browserName } from "../core/user-agent.js";
import { toast } from "../ui/toast.js";

/** @typedef {import("../core/api.js").Responses["GET /api/account/sessions"]["sessions"][number]} Session */

/** @returns {() => Promise<void>} Loads the list anew. */
export function startSessions() {
  byId("sessions-end").addEventListener("click", () => {
    void endSessions(() => request("DELETE /api/account/sessions"), t("Signed out everywhere else."));
  });
  void loadSessions();
  return loadSessions;
}

async function loadSessions() {
  try {
    const { sessions } = await request("GET /api/account/sessions");
    const currentFirst = sessions.toSorted((a, b) => Number(b.current) - Number(a.current));
    byId("sessions").replaceChildren(...currentFirst.map(sessionItem));
    byId("sessions-end").hidden = sessions.length < 2;
  } catch (error) {
    byId("sessions").replaceChildren(element("li", messageOf(error), "soft"));
  }
}

/** @param {Session} session */
function sessionItem({ id, agent, address, created, current, last_seen }) {
  const item = element("li", undefined, "item");
  const text = element("div");
  const facts = element("p", undefined, "facts");
  const seen = current
    ? t("this browser")
    : t("last seen {last_seen}", { last_seen: dayAndTimeInline(last_seen) });
  showFacts(facts, [seen, address, t("since {created}", { created: dayAndTimeInline(created) })]);
  text.append(element("strong", browserName(agent)), facts);
  item.append(text);
  if (current) return item;
  const end = button(t("Sign out"), "button", () => {
    void endSessions(
      () => request("DELETE /api/account/sessions/{id}", { path: { id } }),
      t("Signed out there."),
    );
  });
  end.setAttribute("aria-label", t("Sign out {agent}, {address}", { agent: browserName(agent), address }));
  item.append(end);
  return item;
}

/** @param {() => Promise<unknown>} end @param {string} done */
async function endSessions(end, done) {
  try {
    await end();
    toast(done);
  } catch (error) {
    toast(messageOf(error));
  }
  await loadSessions();
}
