"""The engine's process: order, crashes, endings. Real processes, scripted hearing."""

import errno
import resource
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.support.engines import check_confession, load_scripted, one_token
from tests.support.wait import wait_until
from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.engines.contract import EngineSpec, Options, Priority, Window, WindowResult
from whisper_appliance.engines.process import supervisor
from whisper_appliance.engines.process.client import EngineEvent, EngineProcess
from whisper_appliance.engines.process.start import card_nodes
from whisper_appliance.engines.process.window_queue import WindowQueue

pytestmark = pytest.mark.slow  # starts and kills engine processes

SECOND = np.zeros(16_000, np.float32)
Start = Callable[..., EngineProcess]


def window(script: str = "") -> Window:
    return Window(SECOND, Options(language="en", prompt=script))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[EngineProcess] = []

    def _start(
        model: str = "scripted", workers: int = 1, max_memory_bytes: int = 0, **more: object
    ) -> EngineProcess:
        spec = EngineSpec(
            "faster-whisper", model, tmp_path / "model", workers=workers, max_memory_bytes=max_memory_bytes
        )
        engine = EngineProcess(spec, load=load_scripted, **more)  # type: ignore[arg-type]
        started.append(engine)
        engine.start()
        return engine

    yield _start
    for engine in started:
        engine.close()


def text(future: Future[WindowResult]) -> str:
    return future.result(20).segments[0].text.strip()


def test_a_window_comes_back_as_text(start: Start) -> None:
    assert text(start().submit(window("hello there"), priority=Priority.BATCH)) == "hello there"


@pytest.mark.parametrize("message", [b"no JSON", b'["WindowsDecoded", {"number": 99, "results": []}]'])
def test_a_process_that_sends_no_response_is_ended_and_others_go_on(start: Start, message: bytes) -> None:
    engine, other = start(), start("other")
    future = engine.submit(window(f"send {message.hex()}"), priority=Priority.BATCH)
    with pytest.raises(EngineFailed, match="stopped while it worked"):
        future.result(30)
    assert text(other.submit(window("hello"), priority=Priority.BATCH)) == "hello"
    assert text(engine.submit(window("again"), priority=Priority.BATCH)) == "again"


def test_a_giant_response_is_not_read(start: Start) -> None:
    future = start().submit(window(f"send {17 * 2**20} bytes"), priority=Priority.BATCH)
    with pytest.raises(EngineFailed):
        future.result(30)


def test_a_process_that_gets_no_request_ends_and_its_window_is_decoded_by_the_next(start: Start) -> None:
    engine = start()
    assert text(engine.submit(window("first"), priority=Priority.BATCH)) == "first"
    engine._supervisor._sender._connection.send_bytes(b"no JSON")  # type: ignore[union-attr]
    assert text(engine.submit(window("second"), priority=Priority.BATCH)) == "second"
    wait_until(lambda: engine.status().restarts == 1)


def test_batch_windows_run_with_a_lower_priority(start: Start) -> None:
    engine = start()

    def niceness(priority: Priority, turn: int) -> int:
        return int(text(engine.submit(window("nice"), priority=priority, windows_before=turn)))

    at_once = niceness(Priority.LIVE, 5)
    assert niceness(Priority.INTERACTIVE, 0) == at_once
    assert niceness(Priority.INTERACTIVE, 1) == niceness(Priority.BATCH, 0) >= at_once + 5
    assert niceness(Priority.LIVE, 0) == at_once


def test_the_decoded_windows_of_an_engine_are_counted(start: Start) -> None:
    engine = start()
    for future in [engine.submit(window("hello"), priority=Priority.BATCH) for _ in range(3)]:
        future.result(20)
    work = engine.status().usage
    assert work.audio_seconds == 3.0
    assert 0 < work.busy_seconds <= work.worker_seconds


def test_live_goes_before_interactive_before_batch_and_a_new_job_before_an_old_one() -> None:
    waiting = WindowQueue()
    waiting.enqueue(window("batch"), Priority.BATCH, 0)
    waiting.enqueue(window("old"), Priority.INTERACTIVE, 7)
    waiting.enqueue(window("new"), Priority.INTERACTIVE, 0)
    waiting.enqueue(window("live"), Priority.LIVE, 3)
    order = [waiting.take_batch(1, lambda _: True)[0].window.options.prompt for _ in range(4)]
    assert order == ["live", "new", "old", "batch"]


def test_windows_with_the_same_options_go_together_and_cancelled_ones_not_at_all() -> None:
    waiting = WindowQueue()
    tickets = [waiting.enqueue(window(script), Priority.BATCH, 0) for script in ("a", "a", "a", "b")]
    tickets[1].future.cancel()
    assert waiting.take_batch(8, lambda _: True) == [tickets[0], tickets[2]]
    assert waiting.take_batch(8, lambda _: False) == []
    assert waiting.take_batch(8, lambda _: True) == [tickets[3]]


def test_a_clip_finds_a_free_worker_while_files_use_theirs(start: Start) -> None:
    engine = start()
    engine.wait_ready(20)
    files = [engine.submit(window("sleep 3"), priority=Priority.BATCH) for _ in range(3)]
    began = time.monotonic()
    assert text(engine.submit(window("clip"), priority=Priority.INTERACTIVE)) == "clip"
    assert time.monotonic() - began < 2
    assert engine.status().running == 1
    for future in files:
        future.cancel()


def test_a_crash_is_survived_and_the_window_tried_once_more(start: Start, tmp_path: Path) -> None:
    (folder := tmp_path / "model").mkdir()
    engine = start()
    with one_token(folder) as token:
        future = engine.submit(window(f"die once {token}"), priority=Priority.BATCH)
        assert text(future).startswith("die once")
    assert engine.status().restarts == 1


def test_a_window_that_kills_the_engine_twice_fails_and_the_next_one_works(start: Start) -> None:
    engine = start()
    with pytest.raises(EngineFailed, match="exit code 9"):
        engine.submit(window("die"), priority=Priority.BATCH).result(30)
    assert text(engine.submit(window("next"), priority=Priority.BATCH)) == "next"


def test_a_window_that_kills_the_engine_takes_no_neighbour_with_it(start: Start) -> None:
    engine = start(workers=2)
    options = Options(language="en", prompt="die if loud")
    loudness = [0, 0, 1, 0, 0, 1, 0, 0]
    heard = [
        engine.submit(Window(SECOND + loud, options), priority=Priority.BATCH, windows_before=turn)
        for turn, loud in enumerate(loudness)
    ]
    failed = [future.exception(60) is not None for future in heard]
    assert failed == [bool(loud) for loud in loudness]
    assert engine.status().restarts <= 4
    assert text(engine.submit(window("next"), priority=Priority.BATCH)) == "next"


def test_an_error_inside_the_engine_fails_that_window_only(start: Start) -> None:
    engine = start()
    with pytest.raises(EngineFailed, match="The script fails this window"):
        engine.submit(window("fail"), priority=Priority.BATCH).result(20)
    assert text(engine.submit(window("next"), priority=Priority.BATCH)) == "next"
    assert engine.status().restarts == 0


def test_a_model_that_cannot_be_loaded_has_a_reason(start: Start) -> None:
    engine = start("broken")
    with pytest.raises(ModelUnavailable, match="is broken"):
        engine.wait_ready(20)
    assert engine.status().state == "failed"
    with pytest.raises(ModelUnavailable):
        engine.submit(window(), priority=Priority.BATCH)


def test_a_model_that_kills_its_process_is_given_up(start: Start) -> None:
    engine = start("deadly")
    waiting = engine.submit(window(), priority=Priority.BATCH)
    with pytest.raises(ModelUnavailable, match="again and again"):
        waiting.result(60)


def test_an_engine_has_few_rights_no_network_and_nothing_of_our_environment(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # as the service does in DATA_DIR
    monkeypatch.setenv("ADMIN_PASSWORD", "marker")
    (secret := tmp_path / "secret.key").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        engine = start()
        confess = window(f"confess {listener.getsockname()[1]} {secret}")
        check_confession(text(engine.submit(confess, priority=Priority.BATCH)), secret)
    held = engine.status().isolation
    assert held is not None
    assert held.no_new_privileges
    assert (held.files == "the model and libraries") == (sandbox.landlock_version() > 0)
    assert (held.calls == "filtered") == seccomp.is_available()


def test_an_engine_may_write_the_devices_of_cards_and_no_others(tmp_path: Path) -> None:
    for name in ("sda", "shm", "nvme0", "nvidia0", "nvidia-uvm", "nvidia-caps", "dri"):
        (tmp_path / name).touch()
    assert not [*card_nodes(str(tmp_path))]  # the screen's device is no card that an engine uses
    (tmp_path / "nvidiactl").touch()
    found = {Path(node).name for node in card_nodes(str(tmp_path))}
    assert found == {"nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-caps", "dri"}


def test_an_engine_that_grows_beyond_its_memory_is_started_anew(start: Start) -> None:
    engine = start(max_memory_bytes=400 * 2**20)
    engine.wait_ready(20)
    with pytest.raises(EngineFailed, match=r"more than the 400 MB"):
        engine.submit(window("swell 0.6"), priority=Priority.BATCH).result(60)
    assert engine.status().restarts == 2
    assert text(engine.submit(window("next"), priority=Priority.BATCH)) == "next"


def process_of(engine: EngineProcess) -> psutil.Process:
    engine.wait_ready(20)
    return psutil.Process(engine._supervisor.process.pid)  # type: ignore[union-attr]


def test_a_stopped_process_is_replaced_and_its_window_is_decoded(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "STILL_POLLS", 40)
    engine = start()
    process_of(engine).suspend()
    assert text(engine.submit(window("hello"), priority=Priority.BATCH)) == "hello"
    assert engine.status().restarts == 1


def test_a_process_that_works_without_end_fails_its_window(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "POLL_SECONDS", 0.05)
    engine = start()
    process_of(engine)
    monkeypatch.setattr(supervisor, "STILL_POLLS", 10_000)
    monkeypatch.setattr(supervisor, "SILENT_POLLS", 200)
    with pytest.raises(EngineFailed, match="did not answer for an hour"):
        engine.submit(window("sleep 1000"), priority=Priority.BATCH).result(60)
    monkeypatch.undo()
    assert text(engine.submit(window("next"), priority=Priority.BATCH)) == "next"


def test_an_engine_without_work_may_be_still(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENT_POLLS", 10)
    engine = start()
    process_of(engine)
    silence = supervisor.SilenceWatch(engine._supervisor.process)  # type: ignore[arg-type]
    assert not any(silence.check(has_work=False) for _ in range(20))
    assert any(silence.check(has_work=True) for _ in range(20))


def test_a_stopped_process_holds_up_no_sender_and_no_end(start: Start) -> None:
    engine = start()
    stopped = process_of(engine)
    stopped.suspend()
    giant = np.zeros(30 * 16_000, np.float32)  # more than the buffer of a pipe
    waiting = [engine.submit(Window(giant, Options()), priority=Priority.LIVE) for _ in range(4)]
    assert engine.status().running
    engine.close()
    assert not stopped.is_running() or stopped.status() == psutil.STATUS_ZOMBIE
    for future in waiting:
        with pytest.raises(EngineFailed, match="unloaded"):
            future.result(5)


def test_an_engine_without_file_descriptors_goes_on_with_its_windows(start: Start) -> None:
    engine = start()
    assert text(engine.submit(window("first"), priority=Priority.BATCH)) == "first"
    process_of(engine).rlimit(resource.RLIMIT_NOFILE, (0, 0))
    assert text(engine.submit(window("second"), priority=Priority.BATCH)) == "second"
    assert engine.status().restarts == 0


def test_an_engine_that_cannot_be_started_is_given_up_with_the_reason(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(supervisor, "spawn", none_left)
    engine = start()
    with pytest.raises(ModelUnavailable, match="Too many open files"):
        engine.wait_ready(20)


def test_closing_ends_the_process_and_fails_what_waits(start: Start) -> None:
    engine = start()
    engine.wait_ready(20)
    waiting = engine.submit(window("sleep 30"), priority=Priority.BATCH)
    child = psutil.Process(engine._supervisor.process.pid)  # type: ignore[union-attr]
    engine.close()
    with pytest.raises(EngineFailed, match="unloaded"):
        waiting.result(5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_every_change_of_state_is_announced(start: Start) -> None:
    events: list[EngineEvent] = []
    engine = start(announce=events.append)
    engine.submit(window("hello"), priority=Priority.BATCH).result(20)
    engine.close()
    states = [event.state for event in events]
    assert states[:2] == ["idle", "busy"] or states[0] == "busy"
    assert states[-1] == "closed"


def test_vad_probabilities_do_not_depend_on_the_block_size(start: Start) -> None:
    engine = start()
    whole, parts = engine.open_vad_stream(), engine.open_vad_stream()
    noise = np.random.default_rng(1).normal(0, 0.01, 16_000).astype(np.float32)
    at_once = whole.feed(noise)
    piecewise = np.concatenate([parts.feed(noise[i : i + 700]) for i in range(0, 16_000, 700)])
    assert len(at_once) == 31
    np.testing.assert_allclose(at_once, piecewise, atol=1e-4)
    whole.close()
    parts.close()
