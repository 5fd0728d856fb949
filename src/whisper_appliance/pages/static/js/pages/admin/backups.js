import { loadCatalogue } from "../../core/i18n.js";

await loadCatalogue();
const { mount } = await import("../../admin/backups-page.js");
mount(document.body);
