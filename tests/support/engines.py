"""Engines that follow a script, in place of a real model.

`ScriptedEngine` is what a child process loads: the prompt of a window says what it does.
`ScriptedEngineProcess` decodes the numbered words of `tests.support.speech` in this process.
`CountingEngine` does nothing and records what was done with it, for the manager of models.

The prompts of `ScriptedEngine`:
- "sleep 0.2" takes its time, "swell 0.3" takes so many GiB and sleeps;
- "fail" raises, "die" ends the process, "die once FILE" only the first time (see
  `one_token`), "die if loud" for a window that is not silent;
- "send HEX" and "send COUNT bytes" write to the pipe of the responses;
- "confess PORT FILE" returns what the process may do, "nice" its priority;
- "skip" decodes hardly a word unless it is to be fast; "unsure" is of low confidence over silence unless it
  may take its time;
- any other prompt is the text.
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from tests.support.speech import decoded, is_broken, speech_probabilities
from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import EngineFailed, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import EngineSpec, Priority, Window, WindowResult
from whisper_appliance.engines.process.spawn import KEPT_PREFIXES, KEPT_VARIABLES
from whisper_appliance.engines.process.usage import EngineEvent, EngineLifecycle, EngineStatus
from whisper_appliance.engines.vad import Probabilities
from whisper_appliance.transcript.model import Segment

CAP_DAC_READ_SEARCH = 1 << 2


class ScriptedEngine:
    """Implements `engines.contract.Engine` without decoding anything."""

    name = "scripted"
    version = "1"
    device = "cpu"
    compute_type = "none"
    multilingual = True
    warnings: tuple[str, ...] = ()

    def transcribe(self, windows: Sequence[Window]) -> list[WindowResult]:
        """Does what each window's prompt says."""
        return [self._act(window) for window in windows]

    def _act(self, window: Window) -> WindowResult:
        script = (window.options.prompt or "").split()
        match script:
            case ["sleep", duration]:
                time.sleep(float(duration))
            case ["swell", gigabytes]:
                held = bytearray(os.urandom(1)) * round(float(gigabytes) * 2**30)
                time.sleep(len(held) and 30)
            case ["confess", port, secret]:
                script = [confession(int(port), secret)]
            case ["nice"]:
                script = [str(os.getpriority(os.PRIO_PROCESS, 0))]  # Linux: of the thread that asks
            case ["send", *message]:
                self._send(message)
            case ["fail"]:
                raise EngineFailed("The script fails this window.")
            case ["die", *when]:
                self._die(window, when)
        seconds = len(window.samples) / SAMPLE_RATE
        text = " " + " ".join(script)
        if script == ["skip"]:
            text = " hm" if window.options.quality != "fast" else " all that was said here" * 10
        if script == ["unsure"]:
            return self._unsure(window, seconds)
        return WindowResult(
            (Segment(0.0, seconds, text),), window.options.language or "en", 1.0, decoded_seconds=seconds
        )

    @staticmethod
    def _send(message: list[str]) -> None:
        match message:
            case [size, "bytes"]:
                data = bytes(int(size))
            case _:
                data = bytes.fromhex(message[0])
        Connection(os.dup(int(sys.argv[1]))).send_bytes(data)

    @staticmethod
    def _die(window: Window, when: list[str]) -> None:
        match when:
            case ["if", "loud"] if not window.samples.any():
                return
            case ["once", path] if not takes_token(path):
                return
        os._exit(9)

    def _unsure(self, window: Window, seconds: float) -> WindowResult:
        text, logprob = " unsure", -0.45
        if window.options.quality == "accurate":
            text, logprob = f" sure after {window.previous_tokens}", -0.1
        elif window.samples.any():
            text, logprob = " sound", -0.1
        segment = Segment(0.0, seconds, text, logprob, tokens=(1,))
        return WindowResult((segment,), "en", 1.0, (), seconds, tokens=(50364, 1, 50464))


@contextmanager
def one_token(folder: Path) -> Iterator[Path]:
    """A pipe in the folder of a model: of all processes that read it, one gets the token."""
    path = folder / "token"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    os.write(pipe, b".")
    try:
        yield path
    finally:
        os.close(pipe)


def takes_token(path: str) -> bool:
    """Whether this process is the one."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return bool(os.read(pipe, 1))
    except BlockingIOError:
        return False
    finally:
        os.close(pipe)


def attempts(secret: Path) -> dict[str, Callable[[], object]]:
    """What no engine may do; `secret` is a file of the appliance."""
    return {
        "read": secret.read_bytes,
        "write": lambda: secret.write_text("changed"),
        "create": (secret.parent / "new").touch,
        "delete": secret.unlink,
        "fork": lambda: os._exit(0) if os.fork() == 0 else None,
        "run": lambda: subprocess.run(["/bin/true"], check=True),
        "kill": lambda: os.kill(os.getppid(), 0),
        "connect": lambda: socket.socket(socket.AF_UNIX).connect(str(secret.parent / "socket")),
        "datagram": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "pair of datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "limits of others": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
        "scheduling of others": lambda: os.sched_setscheduler(
            os.getppid(), os.SCHED_OTHER, os.sched_param(0)
        ),
        "priority of others": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 0),
        "priority of a user": lambda: os.setpriority(os.PRIO_USER, 0, 0),
        "queued signal": lambda: _check(ctypes.CDLL(None).sigqueue(os.getppid(), 0, None)),
        "signal to a thread": lambda: _check(ctypes.CDLL(None).tgkill(os.getppid(), os.getppid(), 0)),
    }


def _check(result: int) -> None:
    if result != 0:
        raise OSError


def succeeds(attempt: Callable[[], object]) -> bool:
    """Whether the kernel allows it."""
    try:
        attempt()
    except OSError:
        return False
    return True


def confession(port: int, secret: str) -> str:
    """What this process is left with, as JSON; `port` is one of the machine's own that listens."""
    reached = succeeds(lambda: socket.create_connection(("127.0.0.1", port), 2).close())
    said = Path("/proc/self/status").read_text()
    return json.dumps(
        {
            "reached": reached,
            "variables": sorted(os.environ),
            "no_new_privileges": "NoNewPrivs:\t1" in said,
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "capabilities": int(next(v for v in said.splitlines() if v.startswith("CapEff")).split()[1], 16),
            "done": [name for name, attempt in attempts(Path(secret)).items() if succeeds(attempt)],
        }
    )


def check_confession(told: str, secret: Path) -> None:
    """The process of this confession had few rights, no network and nothing of our environment."""
    said = json.loads(told)
    assert said["no_new_privileges"]
    assert said["core"] == 0
    assert said["files"] <= 512
    assert said["capabilities"] & ~CAP_DAC_READ_SEARCH == 0
    kept = {*KEPT_VARIABLES, "PYTHONPATH", "ORT_DISABLE_TELEMETRY", "LC_CTYPE"}
    assert {name for name in said["variables"] if not name.startswith(KEPT_PREFIXES)} <= kept
    if sandbox.landlock_version() >= sandbox.TCP_SINCE_ABI and seccomp.is_available():
        assert not said["reached"]
        assert said["done"] == []
        assert secret.read_text() == "secret"


def load_scripted(spec: EngineSpec) -> ScriptedEngine:
    """For `EngineProcess(load=...)`; the model "broken" cannot be loaded, "deadly" ends the process."""
    if spec.model == "broken":
        raise ModelUnavailable("The model broken is broken.")
    if spec.model == "deadly":
        os._exit(9)
    return ScriptedEngine()


class ScriptedVad:
    """A VAD stream that answers at once."""

    def submit(self, frames: Samples) -> "Future[Probabilities]":
        """A future that is done."""
        answer: Future[Probabilities] = Future()
        answer.set_result(speech_probabilities(frames))
        return answer

    def close(self) -> None:
        """Nothing to release."""


class ScriptedEngineProcess:
    """Decodes in two threads. `failing` makes every window fail; `held`, once cleared, makes them wait."""

    parallel_windows = 2

    def __init__(self) -> None:
        self.failing = False
        self.held = threading.Event()
        self.held.set()
        self.windows: list[tuple[Priority, float]] = []
        self._threads = ThreadPoolExecutor(self.parallel_windows)

    def submit(
        self, window: Window, *, priority: Priority, windows_before: int = 0
    ) -> "Future[WindowResult]":
        """Decodes a window in a thread."""
        self.windows.append((priority, len(window.samples) / SAMPLE_RATE))
        return self._threads.submit(self._decode, window)

    def open_vad_stream(self) -> ScriptedVad:
        """A new VAD stream."""
        return ScriptedVad()

    @contextmanager
    def reserve_live_worker(self) -> Iterator[None]:
        """Reserves nothing."""
        yield

    def close(self) -> None:
        """Ends the threads."""
        self.held.set()
        self._threads.shutdown()

    def _decode(self, window: Window) -> WindowResult:
        self.held.wait()
        if self.failing or is_broken(window.samples):
            raise EngineFailed("The script fails this window.")
        return decoded(window.samples)


class ScriptedModels:
    """A ModelManager with one model, which may be missing."""

    default = "scripted"

    def __init__(self) -> None:
        self.loaded = ScriptedEngineProcess()
        self.missing = False
        self.leases = 0

    @contextmanager
    def engine(self, name: str | None = None) -> Iterator[ScriptedEngineProcess]:
        """Lends it."""
        if self.missing:
            raise ModelUnavailable("The script has no model.", retry_after_seconds=0.1)
        self.leases += 1
        try:
            yield self.loaded
        finally:
            self.leases -= 1


class CountingEngine:
    """An engine that does nothing and records what was done with it."""

    def __init__(self, spec: EngineSpec, announce: Callable[[EngineEvent], None]) -> None:
        self.spec = spec
        self.announce = announce
        self.state: EngineLifecycle = "loading"
        self.reason = ""
        self.closed = False

    def start(self) -> None:
        self.become("idle")

    def become(self, state: EngineLifecycle, reason: str = "") -> None:
        self.state, self.reason = state, reason
        self.announce(EngineEvent(self.spec.model, state, reason))

    def status(self) -> EngineStatus:
        return EngineStatus(
            model=self.spec.model, state=self.state, reason=self.reason, waiting=0, running=0, last_work=None,
            windows_done=0, restarts=0, memory_bytes=123_000_000, name="counting", version="1", device="cpu",
            compute_type="int8", multilingual=True, notices=(),
        )  # fmt: skip

    def close(self) -> None:
        self.closed = True


class CountingEngines:
    """The factory of counting engines, and all it made."""

    def __init__(self) -> None:
        self.made: list[CountingEngine] = []
        self.may_start = threading.Event()
        self.may_start.set()

    def __call__(self, spec: EngineSpec, *, announce: Callable[[EngineEvent], None]) -> CountingEngine:
        self.may_start.wait(60)
        self.made.append(CountingEngine(spec, announce))
        return self.made[-1]

    @property
    def open(self) -> list[str]:
        """The names of the models whose engines are not closed."""
        return [engine.spec.model for engine in self.made if not engine.closed]
