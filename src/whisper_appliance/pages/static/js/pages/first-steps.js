import { mount } from "../account/first-steps-page.js";

mount(document.body);
