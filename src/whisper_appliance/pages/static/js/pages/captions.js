import { loadCatalogue } from "../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../live/captions-page.js");
mount(document.body);
