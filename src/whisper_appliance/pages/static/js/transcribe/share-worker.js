/**
 * Service worker of the installed app. What another app shares never goes to the server from here: it is put down in
 * this browser, and the page takes it like files that somebody chose. Nothing else is answered, or kept.
 */

const worker = /** @type {any} */ (self);

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { method, url } = event.request;
  if (method === "POST" && new URL(url).pathname.endsWith("/share-target"))
    event.respondWith(receive(event.request));
});

/** @param {Request} request @returns {Promise<Response>} Leads to the page. */
async function receive(request) {
  const files = (await request.formData()).getAll("files").filter((each) => each instanceof File);
  const opening = indexedDB.open("shared-files", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("files", { autoIncrement: true });
  await new Promise((resolve, reject) => {
    opening.onerror = reject;
    opening.onsuccess = () => {
      const adding = opening.result.transaction("files", "readwrite");
      for (const file of files) adding.objectStore("files").add(file);
      adding.oncomplete = resolve;
      adding.onerror = reject;
    };
  });
  return Response.redirect(new URL("./", worker.registration.scope).href, 303);
}
