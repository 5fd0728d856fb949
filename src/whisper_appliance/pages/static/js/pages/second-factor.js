import { mount } from "../account/second-factor-page.js";

mount(document.body);
