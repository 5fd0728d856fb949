"""How long an hour takes: measured with one model, estimated for others."""

import pytest

from whisper_appliance.models.catalog import catalog
from whisper_appliance.models.speed import Measurement, hour_seconds, neighbours, relative_work


def test_the_measured_model_is_not_estimated() -> None:
    assert hour_seconds("base", Measurement("base", 200.0, 10.0)) == 180.0


def test_others_are_estimated_from_the_work_of_the_models() -> None:
    measured = Measurement("small", 100.0, 10.0)
    assert hour_seconds("base", measured) == pytest.approx(100.0)
    assert hour_seconds("my-own", measured) is None


def test_every_model_of_the_catalogue_has_its_work() -> None:
    assert [name for name in catalog() if relative_work(name) is None] == []


@pytest.mark.parametrize(
    ("name", "faster", "better"),
    [
        ("base", "tiny", "small"),
        ("tiny", None, "base"),
        ("large-v3", "large-v3-turbo", None),
        ("medium", "small", "large-v3-turbo"),
        ("tiny.en", None, "base.en"),
        ("small.en", "base.en", "distil-large-v3.5"),
        ("my-own", None, None),
    ],
)
def test_the_next_models_are_for_the_same_languages(
    name: str, faster: str | None, better: str | None
) -> None:
    assert neighbours(name, catalog()) == (faster, better)
