import { mount } from "../live/captions-page.js";

mount(document.body);
