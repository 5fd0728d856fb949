"""What every command but `serve` begins with."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisper_appliance.settings import Settings


def begin() -> "Settings":
    """The settings; from here on logs go to stderr, and only what matters to whoever sits at the terminal."""
    from whisper_appliance import logs, settings

    loaded = settings.load()
    logs.set_up("DEBUG" if loaded.debug_mode else "ERROR", debug=loaded.debug_mode)
    return loaded
