"""Settings of the protocols of other programs."""

from pydantic import Field

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import ModelAliases, ProtocolNames
from whisper_appliance.core.protocol_names import PROTOCOL_NAMES


class ProgramSettings(Section):
    """Which protocols other programs may use, and how their names of models are read."""

    title = "Programs"

    protocols: ProtocolNames = Field(
        list(PROTOCOL_NAMES),
        description="Protocols of other programs that are served, separated by commas; all by default, or "
        "none.",
    )
    wyoming_port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="Port of the Wyoming server for Home Assistant, usually 10300; empty: off. Everybody who "
        "reaches the port may transcribe, without a key.",
    )
    wyoming_user: str = Field(
        "",
        max_length=100,
        description="Name of the user who owns what is said over Wyoming; empty: nothing of it is kept.",
    )
    webhook_private_addresses: bool = Field(
        False,
        description="Webhooks may go to this machine and to private networks, also over plain HTTP.",
    )
    model_aliases: ModelAliases = Field(
        [],
        description="Other names of models, whisper-1=small,gpt-4o-transcribe=turbo; OpenAI's names mean "
        "WHISPER_MODEL by default.",
    )
