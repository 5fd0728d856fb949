"""Settings and logging of every command but `serve`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings


def load_settings() -> "Settings":
    """Loads the settings with the overrides of the admin panel, and logs to stderr, errors only."""
    from whisper_appliance.config import settings
    from whisper_appliance.config.overrides import with_overrides
    from whisper_appliance.monitoring import logs

    loaded = with_overrides(settings.load())
    logs.set_up("DEBUG" if loaded.debug_mode else "ERROR", debug=loaded.debug_mode)
    return loaded
