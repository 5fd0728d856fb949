import { mount } from "../queue/queue-page.js";

mount(document.body);
