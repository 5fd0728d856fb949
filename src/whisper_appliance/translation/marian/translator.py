"""The translator "marian": models of Marian (such as OPUS-MT) in CTranslate2's format, on the processor.

A pair is a subfolder such as `de-en` of the folder of models, with what CTranslate2's converters write
(`model.bin`, `config.json`, vocabularies), and the SentencePiece model of the source language.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from whisper_appliance.transcript.languages import LANGUAGES
from whisper_appliance.translation.contract import Pair, TranslatorSpec

PACKAGES = ("ctranslate2", "sentencepiece")
WEIGHTS, CONFIG = "model.bin", "config.json"
PIECES = ("source.spm", "sentencepiece.model")
"""Names of the SentencePiece model: of OPUS-MT's models, and of those that share one with the target."""
SPACE = "\u2581"
"""SentencePiece's mark for the beginning of a word."""
THREADS = 1
"""Other work gets the other cores."""


class Marian:
    """One direction."""

    def __init__(self, spec: TranslatorSpec) -> None:
        """See `TranslatorClass`."""
        import ctranslate2
        import sentencepiece

        folder = spec.folder or Path()
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(_pieces(folder)))
        self._end = _end(folder / CONFIG)
        self._model = ctranslate2.Translator(str(folder), compute_type="auto", intra_threads=THREADS)

    @staticmethod
    def pairs(models: Path | None) -> frozenset[Pair]:
        """See `TranslatorClass`."""
        if models is None or not _is_installed():
            return frozenset()
        folders = (weights.parent for weights in models.glob(f"*-*/{WEIGHTS}"))
        found = (folder.name.partition("-") for folder in folders if _pieces(folder))
        return frozenset(
            (source, target) for source, _, target in found if source in LANGUAGES and target in LANGUAGES
        )

    def translate(self, lines: Sequence[str]) -> list[str]:
        """See `Translator`. A word that the model does not know stays as it is."""
        pieces = self._pieces.encode(list(lines), out_type=str)
        ended = [[*line, *self._end] for line in pieces]
        made = self._model.translate_batch(ended, replace_unknowns=True)
        return ["".join(each.hypotheses[0]).replace(SPACE, " ").strip() for each in made]


def _pieces(folder: Path) -> Path | None:
    return next((folder / name for name in PIECES if (folder / name).is_file()), None)


def _end(config: Path) -> list[str]:
    """What is to be added to a source: the converter of Transformers' models leaves it to the caller.

    Such a decoder starts with the token that ends a source; those of OpenNMT, which end without one, do not.
    """
    match json.loads(config.read_text("utf-8")):
        case {"eos_token": str(end), **facts}:
            is_left = facts.get("decoder_start_token") == end and not facts.get("add_source_eos")
            return [end] if is_left else []
    raise ValueError(f"{config} names no eos_token")


@cache
def _is_installed() -> bool:
    return all(map(find_spec, PACKAGES))
