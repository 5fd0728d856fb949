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

// The parts of Swagger UI within a page that has a heading and a <main> of its own.
function inPageLayout({ getComponent, specSelectors, React: { createElement } }) {
  if (specSelectors.loadingStatus() === "loading")
    return createElement("p", { role: "status" }, page.loading);
  const part = (name) => createElement(getComponent(name, true), { key: name });
  return createElement("div", { className: "swagger-ui" }, [
    part("SvgAssets"),
    part("errors"),
    part("InfoContainer"),
    part("AuthorizeBtnContainer"),
    part("operations"),
    part("Models"),
  ]);
}

const inPage = ({ React }) => ({
  components: { InPage: (props) => inPageLayout({ ...props, React }) },
  // A link inside of the button that opens an operation cannot be reached by keyboard.
  wrapComponents: {
    DeepLink: (Original) => (props) => React.createElement(Original, { ...props, enabled: false }),
  },
});

SwaggerUIBundle({
  url: page.document,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [inPage],
  layout: "InPage",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  syntaxHighlight: false,
  requestInterceptor: (request) => {
    // With a key the request is the key's, and needs no proof that it comes from this page.
    if (page.csrfToken && !request.headers.Authorization) request.headers["X-CSRF-Token"] = page.csrfToken;
    if (request.body instanceof FormData) removeEmpty(request.body);
    return request;
  },
});
