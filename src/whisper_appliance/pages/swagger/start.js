// Opens Swagger UI; a file of its own because the pages allow no inline script.
const page = document.getElementById("swagger-ui").dataset;

// Swagger UI sends what was left out, too: as "null" or as nothing, which are no values of a form.
function removeEmpty(form) {
  for (const name of new Set(form.keys())) {
    const given = form.getAll(name).filter((value) => value !== "null" && value !== "");
    form.delete(name);
    for (const value of given) form.append(name, value);
  }
}

SwaggerUIBundle({
  url: page.document,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    // With a key the request is the key's, and needs no proof that it comes from this page.
    if (page.csrfToken && !request.headers.Authorization) request.headers["X-CSRF-Token"] = page.csrfToken;
    if (request.body instanceof FormData) removeEmpty(request.body);
    return request;
  },
});
