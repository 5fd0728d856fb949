/** Files that come from outside the page: dropped folders, and what another app shares. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filesOf } from "../../src/whisper_appliance/pages/static/js/ui/drop.js";

const SCOPE = "https://appliance.example/notes/";

/** @param {string} name */
const fileEntry = (name) => ({
  name,
  isFile: true,
  file: (/** @type {(file: File) => void} */ resolve) => resolve(new File(["x"], name)),
});

/** @param {string} name @param {object[] | null} children Null: it can't be read. */
const folderEntry = (name, children) => ({
  name,
  isDirectory: true,
  createReader: () => ({
    readEntries: (/** @type {(some: object[]) => void} */ resolve, /** @type {() => void} */ reject) =>
      children ? resolve(children.splice(0)) : reject(),
  }),
});

/** @param {object[]} entries */
const dropOf = (...entries) =>
  filesOf(
    /** @type {any} */ ({
      items: entries.map((entry) => ({
        kind: "file",
        webkitGetAsEntry: () => entry,
        getAsFile: () => new File(["x"], "itself.wav"),
      })),
    }),
  );

test("what can't be read is named, and the rest of a drop is taken", async () => {
  const talks = folderEntry("talks", [fileEntry("2.wav"), folderEntry("locked", null), fileEntry("1.wav")]);
  const { files, inFolders, unreadable } = await dropOf(
    fileEntry("itself.wav"),
    folderEntry("gone", null),
    talks,
  );
  assert.deepEqual(
    files.map(({ name }) => name),
    ["itself.wav"],
  );
  assert.deepEqual(
    inFolders?.map(({ name }) => name),
    ["1.wav", "2.wav"],
  );
  assert.deepEqual(unreadable.sort(), ["gone", "locked"]);
});

test("an empty folder is not the same as no folder", async () => {
  assert.deepEqual((await dropOf(folderEntry("empty", []))).inFolders, []);
  assert.equal((await dropOf(fileEntry("itself.wav"))).inFolders, null);
});

/** @returns {Promise<(request: object) => Promise<Response> | undefined>} What the service worker answers. */
async function shareWorker() {
  /** @type {any} */
  let answer;
  const registration = { scope: SCOPE };
  Object.assign(globalThis, {
    self: {
      registration,
      addEventListener: (/** @type {string} */ _, /** @type {unknown} */ run) => (answer = run),
    },
  });
  await import("../../src/whisper_appliance/pages/static/js/transcribe/share-worker.js");
  return (request) => {
    /** @type {Promise<Response> | undefined} */
    let response;
    answer({ request, respondWith: (/** @type {Promise<Response>} */ given) => (response = given) });
    return response;
  };
}

test("only what the system shares is taken, and a failure leads to the page", async () => {
  const answerTo = await shareWorker();
  const form = {
    method: "POST",
    url: `${SCOPE}share-target`,
    referrer: "",
    formData: () => Promise.reject(),
  };
  for (const foreign of [
    { referrer: "https://other.example/" },
    { url: `${SCOPE}api/share-target` },
    { method: "GET" },
  ])
    assert.equal(answerTo({ ...form, ...foreign }), undefined, JSON.stringify(foreign));
  for (const referrer of ["", "about:client", SCOPE]) {
    const response = await answerTo({ ...form, referrer });
    assert.equal(response?.status, 303);
    assert.equal(response?.headers.get("Location"), `${SCOPE}?share-failed=1`);
  }
});
