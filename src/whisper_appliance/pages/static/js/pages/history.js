import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../library/history-page.js");
mount(document.body);
