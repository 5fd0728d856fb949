import { mount } from "../account/account-page.js";

mount(document.body);
