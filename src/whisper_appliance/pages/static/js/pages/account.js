import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../account/account-page.js");
mount(document.body);
