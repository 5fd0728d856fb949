"""The catalogue: names, aliases, pins."""

import hashlib
import re
from pathlib import Path

import pytest

from whisper_appliance.core.errors import NotFound
from whisper_appliance.models.catalog import ALIASES, catalog, resolve, suits


def test_large_is_large_v3_and_turbo_is_large_v3_turbo() -> None:
    assert resolve("large").name == "large-v3"
    assert resolve("turbo").name == "large-v3-turbo"


def test_a_model_suits_what_it_was_trained_for() -> None:
    assert suits("tiny.en", "en", "transcribe")
    assert suits("tiny.en", None, "transcribe")
    assert not suits("tiny.en", "de", "transcribe")
    assert not suits("turbo", "de", "translate")
    assert suits("mine", "de", "translate")


def test_an_unknown_name_is_an_error_that_lists_the_catalog() -> None:
    with pytest.raises(NotFound, match=r"Known models: .*base.*turbo"):
        resolve("../../etc/passwd")


def test_every_model_names_the_repository_that_faster_whisper_names() -> None:
    from faster_whisper.utils import _MODELS

    ours = {name: resolve(name).repository for name in [*catalog(), *ALIASES]}
    assert ours == _MODELS


def test_every_model_is_pinned_to_a_revision_and_lists_what_the_engine_needs() -> None:
    for model in catalog().values():
        assert re.fullmatch(r"[0-9a-f]{40}", model.revision), model.name
        assert {"model.bin", "config.json", "tokenizer.json"} <= model.files.keys()
        assert {"vocabulary.txt", "vocabulary.json"} & model.files.keys()
        assert all(re.fullmatch(r"[0-9a-f]{64}", f.sha256) for f in model.files.values() if f.sha256)
        assert model.licence == "MIT"
        assert model.description.endswith(".")


def test_the_size_of_the_weights_is_two_bytes_a_parameter() -> None:
    for model in catalog().values():
        size = model.files["model.bin"].size_bytes
        if size is not None:
            assert size == pytest.approx(model.parameters_millions * 2_000_000, rel=0.05), model.name


def test_the_catalog_has_the_hashes_of_a_real_tiny_en(tiny_en: Path) -> None:
    for name, file in resolve("tiny.en").files.items():
        content = (tiny_en / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)


def test_more_bits_a_weight_need_more_memory() -> None:
    base = resolve("base")
    assert base.memory_bytes("int8") < base.memory_bytes("float16") < base.memory_bytes("float32")
    assert resolve("large-v3").memory_bytes("int8") > 3 * resolve("small").memory_bytes("int8")


def test_the_page_of_models_lists_every_model() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for model in catalog().values():
        languages = "English" if model.languages == "en" else "many"
        size, memory = f"{model.download_bytes / 1e6:,.0f} MB", f"{model.memory_bytes() / 1e9:.1f} GB"
        assert f"| {model.name} | {languages} | {size} | {memory} | {model.description} |" in page
