import { mount } from "../../admin/overview-page.js";

mount(document.body);
