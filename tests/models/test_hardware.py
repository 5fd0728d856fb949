"""Which models fit a machine, and the recommendation."""

import os

import pytest

from whisper_appliance.models.catalog import catalog, resolve
from whisper_appliance.models.hardware import Gpu, Machine, detect_gpus, parse_gpus, recommend, this_machine

GIGABYTE = 10**9


def machine(gigabytes: float, cores: int = 2, *gpus: Gpu) -> Machine:
    return Machine(cores, int(gigabytes * GIGABYTE), int(gigabytes * GIGABYTE), gpus)


def test_this_machine_has_memory_and_cores() -> None:
    here = this_machine()
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert 10**8 < here.available_bytes <= here.memory_bytes


@pytest.mark.parametrize(
    ("gigabytes", "fit", "too_large"),
    [(1, "base", "medium"), (4, "medium", "large-v3"), (16, "large-v3", None)],
)
def test_larger_models_need_larger_machines(gigabytes: float, fit: str, too_large: str | None) -> None:
    assert machine(gigabytes).fits(resolve(fit))
    if too_large:
        assert not machine(gigabytes).fits(resolve(too_large))


@pytest.mark.parametrize(
    ("gigabytes", "cores", "model"),
    [
        (2, 1, "base"),
        (8, 2, "base"),
        (8, 4, "small"),
        (16, 8, "large-v3-turbo"),
        (0.9, 8, "base"),
        (0.2, 1, "tiny"),
    ],
)
def test_the_recommended_model_is_fast_enough_on_the_processor(
    gigabytes: float, cores: int, model: str
) -> None:
    assert recommend(machine(gigabytes, cores)).recommended == model


def test_with_a_gpu_the_best_model_that_fits_it_is_recommended() -> None:
    assert recommend(machine(16, 8, Gpu("RTX", 24 * GIGABYTE, 20 * GIGABYTE))).recommended == "large-v3"
    assert recommend(machine(16, 8, Gpu("GTX", 4 * GIGABYTE, 4 * GIGABYTE))).recommended == "large-v3-turbo"


def test_the_recommendation_is_in_sentences_and_names_the_machine() -> None:
    text = recommend(machine(8, 2)).text
    assert "2 processor cores" in text
    assert "A good choice is base." in text
    assert "slow" in text


def test_the_output_of_nvidia_smi_is_parsed() -> None:
    table = "NVIDIA H100 80GB HBM3, 81559, 81008\nNVIDIA GB10, [N/A], [N/A]\n"
    assert parse_gpus(table) == (Gpu("NVIDIA H100 80GB HBM3", 81559 * 2**20, 81008 * 2**20),)


def test_without_nvidia_smi_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert detect_gpus() == ()


def test_every_model_of_the_catalogue_fits_a_large_machine() -> None:
    assert all(machine(64).fits(model, "float32") for model in catalog().values())
