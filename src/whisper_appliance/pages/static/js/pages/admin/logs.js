import { mount } from "../../admin/logs-page.js";

mount(document.body);
