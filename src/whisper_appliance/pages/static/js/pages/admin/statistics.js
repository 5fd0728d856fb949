import { mount } from "../../admin/statistics-page.js";

mount(document.body);
