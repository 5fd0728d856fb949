"""The models people know by name: where they come from, what they are, what they need."""

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
class File:
    """One file of a model. None: the size is not known exactly, or no checksum is pinned."""

    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue. `repository` and `revision` name it on the hub, in CTranslate2's format."""

    name: str
    repository: str
    revision: str
    files: Mapping[str, File]
    languages: Languages
    parameters_millions: int
    licence: str
    description: str

    @property
    def download_bytes(self) -> int:
        """Bytes of all its files; two for each parameter where the sizes are not known."""
        sizes = [file.size_bytes for file in self.files.values()]
        if None in sizes:
            return self.parameters_millions * 2_000_000
        return sum(size for size in sizes if size is not None)

    def memory_bytes(self, compute_type: str = "int8") -> int:
        """Estimated memory of the engine with one worker; every type without 16 or 32 bits counts as int8."""
        weights = self.parameters_millions * 1_000_000
        per_weight = _BYTES_PER_WEIGHT.get(compute_type, 1) + 2 * _WORKING_SHARE
        return int(weights * per_weight) + _ENGINE_BYTES


@cache
def catalog() -> Mapping[str, Model]:
    """Every known model by its own name, smallest first; aliases are not listed."""
    table = tomllib.loads(files(__package__).joinpath("catalog.toml").read_text("utf-8"))
    return MappingProxyType({name: _model(name, row) for name, row in table.items()})


def canonical(name: str) -> str:
    """`large` and `turbo` by their full names; any other name as it is."""
    return ALIASES.get(name, name)


def resolve(name: str) -> Model:
    """The model with this name or alias. Raises `NotFound`."""
    model = catalog().get(canonical(name))
    if model is None:
        known = ", ".join([*catalog(), *ALIASES])
        raise NotFound(f"There is no model named {name!r}. Known models: {known}.", field="model")
    return model


def _model(name: str, row: dict[str, Any]) -> Model:
    table: dict[str, dict[str, Any]] = row.pop("files")
    pinned = {file: File(facts.get("size"), facts.get("sha256")) for file, facts in table.items()}
    return Model(name=name, files=MappingProxyType(pinned), **row)
