"""The catalogue of Whisper models: repository, files with checksums, size, languages, memory estimate."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from whisper_appliance.core.errors import NotFound

Languages = Literal["en", "multilingual"]

ALIASES: Mapping[str, str] = MappingProxyType({"large": "large-v3", "turbo": "large-v3-turbo"})

# Measured on CPU with one worker and beam 5 (peak): tiny.en int8 295 MiB, base int8 411, base float32 629;
# published for large-v2 on a GPU: int8 2926 MB, float16 4525. The estimate is within 25 % of each.
_ENGINE_BYTES = 220 * 2**20
_WORKING_SHARE = 0.6  # working memory, as a share of the float16 weights
_BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "bfloat16": 2, "int16": 2}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. None: no exact size, or no pinned checksum."""

    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue. `repository` and `revision` are of the hub, in CTranslate2 format.

    `common`: the newest of its size for all languages, which most people choose.
    """

    name: str
    repository: str
    revision: str
    files: Mapping[str, ModelFile]
    languages: Languages
    parameters_millions: int
    licence: str
    description: str
    common: bool = False
    trained_to_translate: bool = True
    """Into English. Models for English only cannot, whatever this says."""

    @property
    def translates(self) -> bool:
        """Whether it can write English when another language is spoken."""
        return self.trained_to_translate and self.languages != "en"

    @property
    def is_pinned(self) -> bool:
        """Whether the checksum of its weights is in the catalogue, and not only on the hub."""
        return bool(self.files["model.bin"].sha256)

    @property
    def download_bytes(self) -> int:
        """Bytes of all files; two bytes a parameter if a size is missing."""
        sizes = [file.size_bytes for file in self.files.values()]
        if None in sizes:
            return self.parameters_millions * 2_000_000
        return sum(size for size in sizes if size is not None)

    def memory_bytes(self, compute_type: str = "int8") -> int:
        """Estimated memory of the engine with one worker. Types without 16 or 32 bits count as int8."""
        weights = self.parameters_millions * 1_000_000
        per_weight = _BYTES_PER_WEIGHT.get(compute_type, 1) + 2 * _WORKING_SHARE
        return int(weights * per_weight) + _ENGINE_BYTES


@cache
def catalog() -> Mapping[str, Model]:
    """Every model by its full name, smallest first, without aliases."""
    table = tomllib.loads(files(__package__).joinpath("catalog.toml").read_text("utf-8"))
    return MappingProxyType({name: _model(name, row) for name, row in table.items()})


def canonical(name: str) -> str:
    """The full name of an alias (`large`, `turbo`); any other name unchanged."""
    return ALIASES.get(name, name)


def translates(name: str) -> bool:
    """Whether the model with this name or alias can write English when another language is spoken.

    A model that is not in the catalogue may.
    """
    model = catalog().get(canonical(name))
    return model.translates if model else True


def suits(name: str, language: str | None, task: str) -> bool:
    """Whether the model can do a task in a language; None: it is detected.

    A model that is not in the catalogue may.
    """
    model = catalog().get(canonical(name))
    if model is None:
        return True
    return (model.languages != "en" or language in (None, "en")) and (task != "translate" or model.translates)


def resolve(name: str) -> Model:
    """The model with this name or alias. Raises `NotFound`."""
    model = catalog().get(canonical(name))
    if model is None:
        names = ", ".join([*catalog(), *ALIASES])
        raise NotFound(
            "There is no model named {name!r}. Known models: {names}.", name=name, names=names, field="model"
        )
    return model


def _model(name: str, row: dict[str, Any]) -> Model:
    table: dict[str, dict[str, Any]] = row.pop("files")
    pinned = {file: ModelFile(pin.get("size"), pin.get("sha256")) for file, pin in table.items()}
    return Model(name=name, files=MappingProxyType(pinned), **row)
