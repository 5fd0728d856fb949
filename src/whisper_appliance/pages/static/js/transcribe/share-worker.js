/**
 * Service worker of the installed app. It stores what another app shares in this browser and sends nothing to the server:
 * the page uploads a file once the user agrees, because a page of another site can send a form here too. The worker
 * answers and stores nothing else.
 */

const worker = /** @type {any} */ (self);

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  if (isShare(event.request)) event.respondWith(receive(event.request));
});

/** @param {Request} request @returns {boolean} Whether the system sends it, not a form of another site. */
function isShare({ method, url, referrer }) {
  const target = new URL("share-target", worker.registration.scope);
  const isOwn = ["", "about:client"].includes(referrer) || new URL(referrer).origin === target.origin;
  return method === "POST" && url === target.href && isOwn;
}

/** @param {Request} request @returns {Promise<Response>} Leads to the page, which says so if the files could not be kept. */
async function receive(request) {
  const page = new URL("./", worker.registration.scope);
  try {
    const files = (await request.formData()).getAll("files").filter((each) => each instanceof File);
    await keep(files);
  } catch {
    page.searchParams.set("share-failed", "1");
  }
  return Response.redirect(page.href, 303);
}

/** @param {FormDataEntryValue[]} files */
async function keep(files) {
  const opening = indexedDB.open("shared-files", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("files", { autoIncrement: true });
  const database = await new Promise((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = reject;
  });
  await new Promise((resolve, reject) => {
    const adding = database.transaction("files", "readwrite");
    for (const file of files) adding.objectStore("files").add({ file, uploadKey: crypto.randomUUID() });
    adding.oncomplete = resolve;
    adding.onabort = reject; // storage is full, for example
  }).finally(() => database.close());
}
