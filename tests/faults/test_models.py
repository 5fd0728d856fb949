"""Damaged weights on the disk, and a download that is killed half way."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults import Serve
from tests.support.https_client import Visitor
from tests.support.hub import hub_stand_in
from tests.support.program import IMPATIENT, REAL, ROOT, environment
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

NAME = "acme/whisper-acme"


def cut_short(folder: Path) -> None:
    """Truncates the weights to a half."""
    weights = folder / "model.bin"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)


def engines(visitor: Visitor) -> dict[str, Any]:
    """The engines of the status by model. The status has the last value of a probe that is late."""
    return {engine["model"]: engine for engine in visitor.request("/api/status").json["engines"]}


def test_truncated_weights_are_quarantined_or_reported_and_other_models_work(
    serve: Serve, tmp_path: Path, tiny_en: Path, beckett: Path
) -> None:
    models = tmp_path / "models"
    known, own = models / "tiny.en", models / "mine"
    known.unlink()
    for folder in (known, own):
        shutil.copytree(tiny_en, folder)
        cut_short(folder)
    with serve(REAL, MODEL_CACHE_SIZE="2") as server:  # each retry of `mine` would unload the other one
        visitor = Visitor(server)
        job = visitor.put(beckett.read_bytes(), model="mine")
        waiting = wait_until(lambda: visitor.job(job)["waiting"])
        assert "mine" in waiting["message"]
        assert visitor.job(job)["status"] == "queued", "the model may be mended"
        assert visitor.send(beckett.read_bytes(), model="mine").status == 503, "it is not tried in a loop"
        mine = next(each for each in visitor.request("/api/status").json["models"] if each["name"] == "mine")
        assert (mine["state"], bool(mine["reason"])) == ("unavailable", True)
        answer = visitor.send(beckett.read_bytes(), model="tiny.en", language="en")
        assert answer.status == 200, answer
        assert "fail better" in answer.json["text"].lower()
        engine = wait_until(lambda: engines(visitor).get("tiny.en"))
        assert engine["restarts"] == 0
        assert [path.name[:16] for path in models.glob("tiny.en.damaged-*")] == ["tiny.en.damaged-"]


def test_a_job_waits_while_its_model_is_gone(
    serve: Serve, tmp_path: Path, tiny_en: Path, beckett: Path
) -> None:
    own = tmp_path / "models/mine"
    shutil.copytree(tiny_en, own)
    cut_short(own)
    with serve(IMPATIENT) as server:
        visitor = Visitor(server)
        job = visitor.put(beckett.read_bytes(), model="mine", language="en")
        wait_until(lambda: visitor.job(job)["waiting"])
        shutil.rmtree(own)
        gone = wait_until(
            lambda: "no model named" in ((visitor.job(job)["waiting"] or {}).get("message", "")), 60
        )
        assert gone
        shutil.copytree(tiny_en, tmp_path / "copied")
        (tmp_path / "copied").rename(own)
        assert visitor.ended(job, 120)["error"] is None
        assert "fail better" in visitor.text(job).lower()


def test_a_download_killed_half_way_is_no_model_and_resumes(tmp_path: Path, tiny_en: Path) -> None:
    (tmp_path / "models").mkdir()
    with hub_stand_in(tiny_en, NAME) as hub:
        variables = environment(tmp_path, HF_ENDPOINT=hub.address, HF_HUB_CACHE=f"{tmp_path}/hub")
        pull = [sys.executable, "-m", "whisper_appliance", "models"]
        hub.let_go.clear()
        half = subprocess.Popen([*pull, "pull", NAME], env=variables, cwd=ROOT, stdout=subprocess.DEVNULL)
        assert hub.reached_half.wait(60)
        wait_until(lambda: list((tmp_path / "models").rglob("model.bin.part")))
        half.send_signal(signal.SIGKILL)
        half.wait(60)
        assert not list((tmp_path / "models").rglob("model.bin")), "a half file is never a model"
        hub.let_go.set()
        hub.ranges.clear()
        subprocess.run([*pull, "pull", NAME], env=variables, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        assert dict(hub.ranges)["model.bin"] > 0, "it went on where it was"
        good = subprocess.run(
            [*pull, "verify", NAME], env=variables, cwd=ROOT, check=True, capture_output=True, text=True
        )
        assert f"{NAME}: good" in good.stdout
