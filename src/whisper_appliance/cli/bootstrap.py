"""What every command but `serve` begins with."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings


def begin() -> "Settings":
    """The settings, the panel's too; from here on logs go to stderr, and only what matters at a terminal."""
    from whisper_appliance.config import settings
    from whisper_appliance.config.overrides import adjusted
    from whisper_appliance.monitoring import logs

    loaded = adjusted(settings.load())
    logs.set_up("DEBUG" if loaded.debug_mode else "ERROR", debug=loaded.debug_mode)
    return loaded
