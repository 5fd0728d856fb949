/** The words of the audit log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { actorOf, detailsOf } from "../../src/whisper_appliance/pages/static/js/admin/audit-actions.js";

test("those who are no user have words, but a user may have any name", () => {
  assert.equal(actorOf({ actor: "", actor_name: "first start" }), "First start");
  assert.equal(actorOf({ actor: "", actor_name: "shell" }), "Command line");
  assert.equal(actorOf({ actor: "12", actor_name: "visitor" }), "Visitor");
  assert.equal(actorOf({ actor: "12", actor_name: "shell" }), "shell");
  assert.equal(actorOf({ actor: "", actor_name: "ann" }), "ann");
});

test("details have words where the program gave them their names", () => {
  const details = (/** @type {string} */ action, /** @type {Record<string, unknown>} */ values) =>
    detailsOf({ action, details: values });
  assert.equal(details("appliance.openness", { to: "network" }), "to anyone on its network");
  assert.equal(details("user.role", { name: "owner", to: "admin" }), "name owner, to Admin");
  assert.equal(details("user.rename", { from: "network", to: "owner" }), "from network, to owner");
  assert.equal(details("share.link", { audio: true, other: 3 }), "with audio yes, other 3");
  assert.equal(details("job.cancel", {}), "");
});
