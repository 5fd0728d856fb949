/** Where the user is signed in: each can be ended, and all the others at once. */
import { ask } from "../core/api.js";
import { byId, element, showFacts } from "../core/dom.js";
import { browserName, when } from "../core/datetime.js";
import { toast } from "../ui/toast.js";

/** @typedef {{id: string, created: string, last_seen: string, address: string, agent: string, current: boolean}} Session */

/** @param {Session} session @param {() => Promise<void>} again */
function row(session, again) {
  const item = element("li", undefined, "item");
  const text = element("div");
  text.append(element("strong", browserName(session.agent)));
  const facts = element("p", undefined, "facts");
  const seen = session.current ? "this browser" : `last seen ${when(session.last_seen)}`;
  showFacts(facts, [seen, session.address, `since ${when(session.created)}`]);
  text.append(facts);
  item.append(text);
  if (!session.current) {
    const button = element("button", "Sign out", "button");
    button.type = "button";
    button.setAttribute("aria-label", `Sign out ${browserName(session.agent)}, ${session.address}`);
    button.addEventListener(
      "click",
      () => void end(`/api/account/sessions/${session.id}`, "Signed out there.", again),
    );
    item.append(button);
  }
  return item;
}

/** @param {string} path @param {string} said @param {() => Promise<void>} again */
async function end(path, said, again) {
  try {
    await ask(path, { method: "DELETE" });
    toast(said);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
  await again();
}

/** @returns {() => Promise<void>} Loads the list anew. */
export function startSessions() {
  const load = async () => {
    try {
      /** @type {{sessions: Session[]}} */
      const { sessions } = await ask("/api/account/sessions");
      const mine = sessions.toSorted((a, b) => Number(b.current) - Number(a.current));
      byId("sessions").replaceChildren(...mine.map((each) => row(each, load)));
      byId("sessions-end").hidden = sessions.length < 2;
    } catch (error) {
      byId("sessions").replaceChildren(element("li", /** @type {Error} */ (error).message, "soft"));
    }
  };
  byId("sessions-end").addEventListener(
    "click",
    () => void end("/api/account/sessions", "Signed out everywhere else.", load),
  );
  void load();
  return load;
}
