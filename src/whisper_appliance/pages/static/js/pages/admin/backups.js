import { mount } from "../../admin/backups-page.js";

mount(document.body);
