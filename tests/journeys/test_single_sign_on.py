"""Sign-in and sign-out with a provider (OpenID Connect) in a browser: the provider has pages of its own."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import barriers_in_both_themes, new_browser
from tests.support.client import PASSWORD
from tests.support.oidc import CLIENT_ID, running_provider
from tests.support.program import running
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config import settings

pytestmark = pytest.mark.browser


def test_a_person_signs_in_at_the_provider_and_out_of_both(
    chromium: Browser, tmp_path: Path, model_dir: Path, axe: str
) -> None:
    with running_provider() as provider:
        given = {
            "OIDC_ISSUER": provider.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": "a secret",
            "OIDC_NAME": "Example Auth",
            "OIDC_ADMIN_GROUPS": "admins",
            "OIDC_USER_GROUPS": "staff",
        }
        provider.person("ada", preferred_username="Ada", groups=["admins"])
        provider.person("eve", preferred_username="Eve", groups=["others"])
        with running(tmp_path, model_dir, "tiny.en", given) as program:
            with opened_accounts(settings.load(data_dir=program.data_dir)) as accounts:
                accounts.users.create("boss", PASSWORD, "owner", by=SHELL)
            context = new_browser(chromium, program, bypass_csp=True)
            page = context.new_page()

            def sign_in(subject: str) -> None:
                page.goto("/sign-in?next=/account")
                page.get_by_role("link", name="Sign in with Example Auth").click()
                page.get_by_placeholder("sub").fill(subject)
                page.get_by_role("button", name="Authorize", exact=True).click()

            sign_in("eve")
            expect(page.locator("#problem")).to_contain_text("in no group that may use this appliance")
            page.get_by_role("link", name="Sign in with Example Auth").click()
            page.get_by_role("button", name="Deny").click()
            expect(page.locator("#problem")).to_contain_text("not begun in this browser")
            assert barriers_in_both_themes(page, axe) == []
            sign_in("ada")
            expect(page).to_have_url(f"{program.url}/account")
            page.locator("#account summary", has_text="Ada").click()
            expect(page.get_by_role("link", name="Administration")).to_be_visible()
            expect(page.locator("#not-whole")).to_have_count(0)  # the button is one of a script
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("button", name="End session").click()
            expect(page.get_by_text("You are signed out, here and at Example Auth.")).to_be_visible()
            assert barriers_in_both_themes(page, axe) == []
            assert page.request.get("/api/session").json()["user"] is None
            page.reload()
            expect(page).to_have_url(f"{program.url}/sign-in")
            context.close()
            assert "eyJ" not in program.log.read_text(), "no token is logged"
