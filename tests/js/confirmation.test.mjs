/** Refused dangerous requests: asked about once, then sent again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  onConfirmationRequired,
  repeatConfirmed,
} from "../../src/whisper_appliance/pages/static/js/core/confirmation.js";

const refused = Object.assign(new Error("Confirm"), { code: "confirmation_required" });

test("a refused request is sent again after the confirmation", async () => {
  let sent = 0;
  onConfirmationRequired(async () => true);
  const send = async () => {
    sent += 1;
    if (sent === 1) throw refused;
    return "made";
  };
  assert.equal(await repeatConfirmed(send), "made");
});

test("without a confirmation the refusal stays", async () => {
  onConfirmationRequired(async () => false);
  await assert.rejects(
    repeatConfirmed(async () => Promise.reject(refused)),
    refused,
  );
});

test("other errors open no dialog", async () => {
  onConfirmationRequired(async () => assert.fail("a dialog"));
  const error = Object.assign(new Error("Busy"), { code: "busy" });
  await assert.rejects(
    repeatConfirmed(async () => Promise.reject(error)),
    error,
  );
});

test("requests that are refused together share one dialog", async () => {
  let dialogs = 0;
  onConfirmationRequired(async () => {
    dialogs += 1;
    return true;
  });
  const request = () => {
    let sent = 0;
    return repeatConfirmed(async () => {
      sent += 1;
      if (sent === 1) throw refused;
    });
  };
  await Promise.all([request(), request()]);
  assert.equal(dialogs, 1);
});
