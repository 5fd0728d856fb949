import { mount } from "../../admin/models-page.js";

mount(document.body);
