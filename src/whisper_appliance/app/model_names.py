"""Names of models as other programs write them, and the local models that they mean."""

from collections.abc import Sequence

OPENAI_MODELS = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
)
OPENAI_PREFIXES = ("whisper-1", "gpt-")
"""Names of OpenAI's models begin so, those with a date too; no local model's does."""


def resolve_model(name: str | None, aliases: Sequence[str]) -> str | None:
    """The local model of a name: that of an alias (`name=model`), the name itself, or None, the default.

    OpenAI's own names mean the default model unless an alias says otherwise.
    """
    named = parse_aliases(aliases).get(name or "", name)
    return None if not named or named.startswith(OPENAI_PREFIXES) else named


def parse_aliases(aliases: Sequence[str]) -> dict[str, str]:
    """The setting MODEL_ALIASES as a mapping."""
    pairs = (alias.partition("=") for alias in aliases)
    return {name.strip(): model.strip() for name, _, model in pairs}
