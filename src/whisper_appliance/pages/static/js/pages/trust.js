import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../trust/trust-page.js");
mount(document.body);
