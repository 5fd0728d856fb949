// Opens Swagger UI; a file of its own because the pages allow no inline script.
const page = document.getElementById("swagger-ui").dataset;

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
    return request;
  },
});
