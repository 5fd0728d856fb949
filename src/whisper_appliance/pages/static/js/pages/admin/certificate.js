import { loadCatalogue } from "../../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../../admin/certificate-page.js");
mount(document.body);
