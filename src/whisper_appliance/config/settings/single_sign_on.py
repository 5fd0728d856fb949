"""Settings of sign-in by an OpenID Connect provider."""

from pydantic import Field, SecretStr

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Names


class SingleSignOnSettings(Section):
    """The provider with whose accounts people sign in, and what their groups may do."""

    title = "Accounts"

    oidc_issuer: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Issuer of an OpenID Connect provider, https://auth.example.org; empty: no such sign-in.",
    )
    oidc_client_id: str = Field("", description="Client ID of the appliance at the provider.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Client secret of the appliance at the provider; empty: a public client."
    )
    oidc_name: str = Field(
        "OpenID Connect", max_length=60, description="Name of the provider on the button of the sign-in page."
    )
    oidc_groups_claim: str = Field("groups", description="Claim that lists the groups of a person.")
    oidc_admin_groups: Names = Field(
        [], description="Groups whose members are admins; empty: roles are given in the appliance."
    )
    oidc_user_groups: Names = Field(
        [], description="Groups whose members may sign in, beside those of admins; empty: everybody there."
    )
    oidc_link_verified_email: bool = Field(
        False,
        description="A person whose verified e-mail address is the name of an account gets that account.",
    )
