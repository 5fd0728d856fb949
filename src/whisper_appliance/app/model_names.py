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


DEEPGRAM_PREFIXES = ("nova", "enhanced", "flux", "whisper", "base-")
"""Names of Deepgram's models begin so, or are one of these; `base` alone is a local model."""


def resolve_model(
    name: str | None, aliases: Sequence[str], foreign_prefixes: tuple[str, ...] = OPENAI_PREFIXES
) -> str | None:
    """The local model of a name: that of an alias (`name=model`), the name itself, or None, the default.

    Names that begin with one of `foreign_prefixes` are those of another vendor: they mean the default model
    unless an alias says otherwise.
    """
    named = parse_aliases(aliases).get(name or "", name)
    return None if not named or named.startswith(foreign_prefixes) else named


def parse_aliases(aliases: Sequence[str]) -> dict[str, str]:
    """The setting MODEL_ALIASES as a mapping."""
    pairs = (alias.partition("=") for alias in aliases)
    return {name.strip(): model.strip() for name, _, model in pairs}
