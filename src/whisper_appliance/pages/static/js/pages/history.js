import { mount } from "../library/history-page.js";

mount(document.body);
