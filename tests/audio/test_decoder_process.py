"""Decoder process: its sandbox, its life time, and the spare process."""

import errno
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

import whisper_appliance
from tests.support.audio import tone, video, wav
from tests.support.wait import wait_until
from whisper_appliance.audio import decode as decode_module
from whisper_appliance.audio import decoder_process
from whisper_appliance.audio import recording as recording_module
from whisper_appliance.audio.decode import DecodeLimits, decode, prepare
from whisper_appliance.audio.decoder_process import DecoderProcess, PrestartedDecoder
from whisper_appliance.audio.encode import add_subtitles, encode_opus
from whisper_appliance.audio.recording import Sound
from whisper_appliance.audio.resample import Resampler, UnsupportedSource
from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.core.errors import Unavailable, Undecodable
from whisper_appliance.jobs.failures import FailureKind, kind_of

pytestmark = pytest.mark.slow  # starts decoder processes


def decoders(parent: psutil.Process) -> list[psutil.Process]:
    return [child for child in parent.children() if "audio.decoder_child" in " ".join(command(child))]


def command(process: psutil.Process) -> list[str]:
    """Its command line, which it does not have yet for a moment after its start."""
    try:
        return wait_until(lambda: process.cmdline() or (None if process.is_running() else ["gone"]))
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


def in_sandbox(setup: str, attempt: str) -> str:
    """The output of a new process that sets up parts of the sandbox and then attempts something."""
    program = f"from whisper_appliance.core import sandbox\nimport os, socket\n{setup}\n"
    program += (
        f"try:\n    {attempt}\n    print('done')\nexcept OSError as error:\n    print(type(error).__name__)"
    )
    environment = {"PYTHONPATH": str(Path(whisper_appliance.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.strip()


def test_in_the_sandbox_only_the_source_can_be_opened(tmp_path: Path) -> None:
    if not sandbox.landlock_version():
        pytest.skip("this kernel has no Landlock")
    source, other = wav(tmp_path / "source.wav", 1), wav(tmp_path / "other.wav", 1)
    setup = f"fd = os.open({str(source)!r}, os.O_RDONLY)\n"
    setup += "sandbox.set_no_new_privs()\nsandbox.landlock_allow_only(fd)"
    assert in_sandbox(setup, "open(f'/proc/self/fd/{fd}', 'rb')") == "done"
    assert in_sandbox(setup, f"open({str(other)!r}, 'rb')") == "PermissionError"
    assert in_sandbox(setup, f"open({str(tmp_path / 'new')!r}, 'wb')") == "PermissionError"
    assert in_sandbox(setup, "os.listdir('/')") == "PermissionError"


def test_in_the_sandbox_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        attempt = f"socket.create_connection({listener.getsockname()!r}, 2)"
        assert in_sandbox("pass", attempt) == "done"
        answer = in_sandbox(
            "alone = sandbox.unshare_network(); print('alone' if alone else 'with all')", attempt
        )
    if answer.startswith("with all"):
        pytest.skip("this machine allows no network namespace")
    assert answer == "alone\nOSError"


def test_a_decoder_at_work_is_in_the_sandbox(tmp_path: Path) -> None:
    if not seccomp.is_available():
        pytest.skip("this machine has no libseccomp")
    long = wav(tmp_path / "long.wav", 1800)
    with decode(long, folder=tmp_path, limits=DecodeLimits(max_seconds=3600)):
        [decoder] = decoders(psutil.Process())
        while (state := kernel_state(decoder))["Seccomp"] != "2":
            assert not state["State"].startswith("Z"), "it has ended"
        assert (state["NoNewPrivs"], int(state["CapEff"], 16)) == ("1", 0)


def test_the_programs_that_write_files_work_in_the_sandbox(
    beckett: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not seccomp.is_available():
        pytest.skip("this machine has no libseccomp")
    waits = "import os, time; os._exit = lambda status: time.sleep(60); "  # at its end, to be looked at
    monkeypatch.setattr(decoder_process, "_START", waits + decoder_process._START)
    states, terminate = [], DecoderProcess.terminate

    def note(child: DecoderProcess) -> int:
        states.append(kernel_state(psutil.Process(child.pid)))
        return terminate(child)

    monkeypatch.setattr(DecoderProcess, "terminate", note)
    encode_opus(beckett, tmp_path / "copy.webm", limits=DecodeLimits(), sound=Sound())
    film = video(beckett, tmp_path / "film.mp4", "libx264", "aac")
    with (tmp_path / "film.mkv").open("w+b") as target:
        add_subtitles(film, target, "1\n00:00:00,000 --> 00:00:01,000\none\n", limits=DecodeLimits())
    found = [(state["Seccomp"], state["NoNewPrivs"], int(state["CapEff"], 16)) for state in states]
    assert found == [("2", "1", 0)] * 2


def test_the_decoder_of_a_recording_that_grows_is_in_the_sandbox(tmp_path: Path) -> None:
    if not seccomp.is_available():
        pytest.skip("this machine has no libseccomp")
    child = DecoderProcess(program="stream_decoder")
    with (tmp_path / "source").open("w+b") as source, (tmp_path / "target").open("w+b") as target:
        child.start_job(asdict(DecodeLimits()) | {"container": "webm"}, source.fileno(), target.fileno())
        try:
            wait_until(lambda: kernel_state(psutil.Process(child.pid))["Seccomp"] == "2")
        finally:
            child.terminate()


def kernel_state(process: psutil.Process) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_in_the_sandbox_only_calls_for_decoding_are_allowed(tmp_path: Path) -> None:
    if not seccomp.is_available():
        pytest.skip("this machine has no libseccomp")
    setup = "import resource, threading; from whisper_appliance.core import seccomp\n"
    setup += "parent = os.getppid()\n"
    setup += "sandbox.set_no_new_privs(); assert seccomp.allow_only_decoding()"
    for allowed in (
        "os.getpid()",
        "threading.Thread(target=print).start()",
        "open('/proc/self/stat')",
        "resource.getrlimit(resource.RLIMIT_NOFILE)",
    ):
        assert in_sandbox(setup, allowed).endswith("done")
    for denied in (
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(parent, 0)",
        "resource.prlimit(parent, resource.RLIMIT_NOFILE)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.unshare(0x40000000)" if hasattr(os, "unshare") else "os.chroot('/')",
        f"os.mkdir({str(tmp_path / 'new')!r})",
        f"os.chmod({str(tmp_path)!r}, 0)",
        "os.mkfifo('/tmp/fifo')",
    ):
        assert in_sandbox(setup, denied) == "PermissionError", denied


CALLS_OF_X86_64 = {
    "ptrace": 101,
    "add_key": 248,
    "keyctl": 250,
    "perf_event_open": 298,
    "bpf": 321,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "pidfd_send_signal": 424,
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of calls are those of x86_64")
@pytest.mark.parametrize("call", CALLS_OF_X86_64)
def test_in_the_sandbox_the_kernel_is_not_asked_for_what_no_decoder_needs(call: str) -> None:
    if not seccomp.is_available():
        pytest.skip("this machine has no libseccomp")
    setup = "import ctypes; from whisper_appliance.core import seccomp\n"
    setup += "kernel = ctypes.CDLL(None, use_errno=True)\n"
    setup += "sandbox.set_no_new_privs(); assert seccomp.allow_only_decoding()"
    number = CALLS_OF_X86_64[call]
    asked = f"kernel.syscall({number}, 0, 0, 0, 0, 0); print(ctypes.get_errno())"
    assert in_sandbox(setup, asked).splitlines()[0] == str(errno.EPERM)


def test_in_the_sandbox_there_are_no_capabilities() -> None:
    setup = "sandbox.set_no_new_privs(); assert sandbox.drop_capabilities()"
    shown = "print([line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd'))])"
    answer = in_sandbox(setup, shown)
    assert answer.count("0000000000000000") == 2 or os.geteuid() != 0, answer
    assert "CapEff:\\t0000000000000000" in answer


def start_with(monkeypatch: pytest.MonkeyPatch, statements: str) -> None:
    """Lets decoder processes run these statements in the place of a decoder; `channel` is theirs."""
    if started := decode_module._prestarted.take():
        started.terminate()
    program = f"import socket; channel = socket.socket(fileno=0); {statements}  # %s"
    monkeypatch.setattr(decoder_process, "_START", program)


READY = b'{"kind": "ready"}'
HEADER = (
    b'{"kind": "opened", "container": "wav", "codec": "pcm", "rate": 8000, "channels": 1, "seconds": %s,'
    b'"track": 1, "tracks": 1, "track_language": "", "video_codec": "", "is_plain": true}'
)


@pytest.mark.parametrize(
    "messages",
    [
        [b"\xff"],
        [b"null"],
        [b"[" * 60_000],
        [b"{}"],
        [b'{"kind": "ended"}'],
        [b'{"kind": "opened", "seconds": 1}'],
        [HEADER % b'"x"'],
        [HEADER % b"NaN"],
        [b'{"kind": "ended", "verdict": "done", "samples": -1}'],
        [b'{"kind": "ended", "verdict": "done", "samples": 1000000}'],
        [b'{"kind": "ended", "verdict": "unreadable", "detail": "what nobody knows"}'],
        [HEADER % b"1"] * 100,
    ],
    ids=lambda messages: str(messages[0][:40]) + "..." * (len(messages) > 1),
)
def test_what_is_no_message_of_a_decoder_is_refused(
    messages: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"[channel.send(each) for each in {[READY, *messages]}]"
    start_with(monkeypatch, f"channel.recv(65536); {said}; channel.recv(1)")
    source = wav(tmp_path / "a.wav", 1)
    with (
        decode(source, folder=tmp_path, limits=DecodeLimits()) as recording,
        pytest.raises(Undecodable),
    ):
        list(recording.blocks())


def test_a_stopped_decoder_is_no_fault_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "_GRACE_SECONDS", 0.5)
    start_with(monkeypatch, f"channel.send({READY!r}); channel.recv(65536); channel.recv(1)")
    source = wav(tmp_path / "a.wav", 1)
    with decode(source, folder=tmp_path, limits=DecodeLimits(wall_seconds=3)) as recording:
        assert recording._child
        psutil.Process(recording._child.pid).suspend()
        with pytest.raises(Unavailable, match="too busy") as error:
            list(recording.blocks())
    assert kind_of(error.value) is FailureKind.MACHINE


def test_a_decoder_without_file_descriptors_is_no_fault_of_its_file(tmp_path: Path) -> None:
    if started := decode_module._prestarted.take():
        started.terminate()
    prepare()
    prestarted = decode_module._prestarted._child
    assert prestarted
    child = psutil.Process(prestarted.pid)
    wait_until(lambda: kernel_state(child)["NoNewPrivs"] == "1")
    child.rlimit(resource.RLIMIT_NOFILE, (1, 1))
    with (
        decode(wav(tmp_path / "a.wav", 1), folder=tmp_path, limits=DecodeLimits()) as recording,
        pytest.raises(Unavailable, match="Too many open files") as error,
    ):
        list(recording.blocks())
    assert kind_of(error.value) is FailureKind.MACHINE


@pytest.mark.parametrize("exits", [False, True])
def test_what_a_decoder_has_started_ends_with_it(exits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    then = "os._exit(0)" if exits else "time.sleep(100)"
    forks = "import os, time; pid = os.fork() or (channel.close(), time.sleep(100)); "
    forks += f'channel.send(b\'{{"kind": "ended", "verdict": "\' + str(pid).encode() + b\'"}}\'); {then}'
    start_with(monkeypatch, forks)
    child = DecoderProcess()
    try:
        message = child.receive(20)
        assert message
        forked = psutil.Process(int(message["verdict"]))
        if exits:
            with pytest.raises(EOFError):
                child.receive(20)
            assert child.wait() == 0
    finally:
        child.terminate()
    wait_until(lambda: not forked.is_running() or forked.status() == psutil.STATUS_ZOMBIE)


def test_a_decoder_has_no_environment_and_a_session_of_its_own() -> None:
    child = DecoderProcess()
    try:
        assert child.receive(10) is not None
        process = psutil.Process(child.pid)
        assert process in decoders(psutil.Process())
        assert process.environ() == {}
        assert os.getsid(process.pid) == process.pid
    finally:
        child.terminate()


def test_a_decoder_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path[:0] = [sys.argv[1]]\n"
        "from whisper_appliance.audio.decoder_process import DecoderProcess\n"
        "child = DecoderProcess(); child.receive(10); print('up', flush=True); time.sleep(60)"
    )
    root = str(Path(whisper_appliance.__file__).parents[1])
    with subprocess.Popen([sys.executable, "-c", program, root], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        (orphan,) = decoders(psutil.Process(parent.pid))
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def test_a_decoder_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    recordings = []
    source = wav(tmp_path / "a.wav", 1800)
    thread = threading.Thread(
        target=lambda: recordings.append(decode(source, folder=tmp_path, limits=DecodeLimits()))
    )
    thread.start()
    thread.join()
    with recordings[0] as recording:
        assert sum(len(block) for block in recording.blocks()) == 1800 * 16_000


def test_a_spare_decoder_is_handed_out_once() -> None:
    spare = PrestartedDecoder(keep_seconds=30)
    assert spare.take() is None
    spare.prepare()
    spare.prepare()
    assert len(decoders(psutil.Process())) == 1
    child = spare.take()
    assert child is not None
    assert spare.take() is None
    child.terminate()
    wait_until(lambda: not decoders(psutil.Process()))


def test_a_spare_decoder_that_nobody_takes_is_ended() -> None:
    spare = PrestartedDecoder(keep_seconds=0.2)
    spare.prepare()
    wait_until(lambda: spare._child is None)
    wait_until(lambda: not decoders(psutil.Process()))
    assert spare.take() is None
    spare.prepare()
    child = spare.take()
    assert child is not None
    child.terminate()


def test_a_spare_decoder_that_died_is_replaced(beckett: Path, tmp_path: Path) -> None:
    prepare()
    for process in decoders(psutil.Process()):
        process.kill()
        process.wait()
    with decode(beckett, folder=tmp_path, limits=DecodeLimits()) as recording:
        assert next(recording.blocks()).size


def test_decoding_works_in_many_threads_at_once(beckett: Path, tmp_path: Path) -> None:
    lengths: list[int] = []

    def work() -> None:
        with decode(beckett, folder=tmp_path, limits=DecodeLimits()) as recording:
            lengths.append(sum(len(block) for block in recording.blocks(seconds=1)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(lengths)) == 1
    assert len(lengths) == 6
    assert not decoders(psutil.Process())


def test_a_decoder_starts_from_a_folder_whose_name_is_not_ascii(tmp_path: Path) -> None:
    root = tmp_path / "ünïcode 🎤"
    shutil.copytree(Path(whisper_appliance.__file__).parent, root / "whisper_appliance")
    program = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from whisper_appliance.audio.decoder_process import DecoderProcess\n"
        "child = DecoderProcess(); print(child.receive(10)['kind']); child.terminate()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "ready\n"


def test_a_full_disk_and_a_bad_file_are_different_errors() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    resampler = Resampler(full, max_seconds=10)
    frames = list(tone(0.5))
    for frame in frames[:-1]:
        resampler.feed(frame, None)
    with pytest.raises(UnsupportedSource) as unsupported:
        resampler.feed(frames[-1], None)
    os.close(full)
    assert unsupported.value.code == "disk_full"


def test_the_parent_process_does_not_import_ffmpeg() -> None:
    program = "import sys; sys.path[:0] = [sys.argv[1]]; import whisper_appliance.audio.decode\n"
    program += "print('av' in sys.modules)"
    root = str(Path(whisper_appliance.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
