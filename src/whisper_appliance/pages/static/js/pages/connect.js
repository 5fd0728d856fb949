import { mount } from "../connect/connect-page.js";

mount(document.body);
