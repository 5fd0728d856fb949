import { loadCatalogue } from "../../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../../admin/shares-page.js");
mount(document.body);
