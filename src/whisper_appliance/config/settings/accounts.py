"""Settings of sign-in and of the first account."""

from typing import Literal

from pydantic import Field, SecretStr

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Folder


class AccountSettings(Section):
    """The first account, and how long sessions last."""

    title = "Accounts"

    admin_password: SecretStr | None = Field(
        None, description="Password of the account 'admin', made at a start without any account."
    )
    admin_password_file: Folder | None = Field(
        None, description="File that holds ADMIN_PASSWORD, in its place."
    )
    second_factor_required: Literal["off", "admins", "everyone"] = Field(
        "off", description="Who must sign in with a second factor: nobody, admins and owners, or everyone."
    )
    session_idle_seconds: float = Field(
        12 * 3600, ge=60, description="Time without a request after which a browser is signed out."
    )
    session_seconds: float = Field(
        7 * 86400, ge=60, description="Time after which a browser is signed out in any case."
    )
