"""`./scripts/dev.sh bench-protocols`: what the protocols of other programs add to our own.

All are measured at one running appliance, in turn: the same speech by Socket.IO and by OpenAI's realtime
events as it would be spoken, a clip by `POST /transcribe` and by Wyoming, and the first words of a long file
as a stream.
"""

import argparse
import difflib
import io
import re
import statistics
import tempfile
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
from tests.support.program import free_port
from tests.support.realtime_client import COMPLETED, DELTA, connected
from tests.support.speech import packets
from tests.support.wyoming_client import WyomingClient
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop

from benchmarks.audio import packaged
from benchmarks.competitors import Server, trusting
from benchmarks.live_real import PACKET_BYTES, PACKET_SECONDS, Seen, speak
from benchmarks.live_speech import Speech, pcm, speeches
from benchmarks.lossy_network import over_socket, over_webrtc
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.samples import Samples

BETWEEN_STREAMS_SECONDS = 0.37
LONG_SECONDS = 300
WYOMING_SECONDS = 7
LOSSES = (0.0, 0.02, 0.05)
Words = list[tuple[float, int]]
"""For each time in seconds since the first packet: how many words have been settled."""


def main() -> None:
    """Prints what was measured as a table."""
    arguments = _arguments()
    speech = speeches(None)
    with tempfile.TemporaryDirectory(prefix="protocols-") as folder:
        models = arguments.models or Path(folder) / "models"
        wyoming = free_port()
        settings = {
            "WHISPER_MODEL": arguments.model, "WYOMING_PORT": str(wyoming),
            "LIVE_SESSIONS": "20", "LIVE_SESSIONS_PER_USER": "20", "MAX_WEBSOCKETS_PER_ADDRESS": "100",
        }  # fmt: skip
        with Server(Path(folder) / "data", models, **settings) as server:
            server.wait_for_page()
            speak(server, speech[0].samples[: SAMPLE_RATE * 5])  # the model loads
            print("| | seconds |\n|---|---|")
            _losses(server, min(speech, key=lambda one: one.seconds), arguments.repetitions)
            if arguments.only_loss:
                return
            _first_delta(server, Path(folder), arguments.repetitions)
            _wyoming(server, wyoming, arguments.repetitions)
            _realtime(server, speech, arguments.repetitions)
            _together(server, speech, arguments.sessions)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh bench-protocols", description=__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--models", type=Path, help="model folder (default: one from installed packages)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=8, help="realtime sessions at once")
    parser.add_argument(
        "--only-loss", action="store_true", help="only WebRTC and the socket, with lost packets"
    )
    return parser.parse_args()


def _row(name: str, seconds: Sequence[float]) -> None:
    print(f"| {name} | {statistics.median(seconds):.3f} (worst {max(seconds):.3f}) |", flush=True)


def _first_delta(server: Server, folder: Path, repetitions: int) -> None:
    """The first words of a file of five minutes by server-sent events, from the start of the request."""
    long = _long_file(folder)
    times = []
    with httpx2.Client(base_url=server.url, verify=trusting(), timeout=600) as client:
        for _ in range(repetitions):
            began = time.monotonic()
            with long.open("rb") as file:
                fields = {"model": "whisper-1", "stream": "true", "language": "en"}
                request = {"data": fields, "files": {"file": (long.name, file)}}
                with client.stream("POST", "/v1/audio/transcriptions", **cast(Any, request)) as answer:
                    lines = answer.iter_lines()
                    next(line for line in lines if "transcript.text.delta" in line)
                    times.append(time.monotonic() - began)
    _row(f"first delta of a file of {LONG_SECONDS} s", times)


def _long_file(folder: Path) -> Path:
    target = folder / "long.wav"
    with wave.open(str(packaged("two_cities.wav"))) as source, wave.open(str(target), "wb") as written:
        written.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        seconds = source.getnframes() / source.getframerate()
        for _ in range(int(LONG_SECONDS / seconds) + 1):
            written.writeframes(frames)
    return target


def _wyoming(server: Server, port: int, repetitions: int) -> None:
    """From the last chunk of a clip to its transcript, less the engine's own time for the same clip.

    The clip is cut within speech, which is the hardest for it: it is sent as it is spoken, as satellites do,
    and then all at once.
    """
    with wave.open(str(packaged("two_cities.wav"))) as file:
        params, frames = file.getparams(), file.readframes(WYOMING_SECONDS * file.getframerate())
    clip = io.BytesIO()
    with wave.open(clip, "wb") as written:
        written.setparams(params)
        written.writeframes(frames)
    audio = pcm(speeches(None)[0].samples[: WYOMING_SECONDS * SAMPLE_RATE])
    spoken, at_once = [], []
    with httpx2.Client(base_url=server.url, verify=trusting(), timeout=600) as http:
        for _ in range(repetitions):
            files = {"file": ("clip.wav", clip.getvalue())}
            answer = http.post("/transcribe", files=files, data={"language": "en", "quality": "fast"})
            engine = float(answer.raise_for_status().json()["processing_seconds"])
            spoken.append(_wyoming_answer(port, audio, PACKET_SECONDS) - engine)
            at_once.append(_wyoming_answer(port, audio, 0.0) - engine)
    _row("Wyoming's answer to speech, over the engine's time for the clip", spoken)
    _row("the same for a clip that is sent at once", at_once)


def _wyoming_answer(port: int, audio: bytes, packet_seconds: float) -> float:
    """Seconds from the last chunk to the transcript."""
    with WyomingClient(port) as client:
        client.send(Transcribe(language="en"), AudioStart(SAMPLE_RATE, 2, 1))
        began = time.monotonic()
        for number, chunk in enumerate(packets(audio, PACKET_BYTES), 1):
            time.sleep(max(0.0, began + number * packet_seconds - time.monotonic()))
            client.send(AudioChunk(SAMPLE_RATE, 2, 1, chunk))
        last = time.monotonic()
        client.send(AudioStop())
        client.until("transcript")
        return time.monotonic() - last


def _realtime(server: Server, speech: Sequence[Speech], repetitions: int) -> None:
    """The time of each settled word by realtime events, less that by our own; in turn, on the same speech."""
    later: list[float] = []
    for one in (list(speech) * repetitions)[:repetitions]:
        own = [(shown.at, shown.committed) for shown in speak(server, one.samples).trace]
        theirs = realtime_words(server, one.samples)
        later += _differences(own, theirs)
    _row("a word by realtime events, after our own", later)


def _differences(own: Words, theirs: Words) -> Iterator[float]:
    for number in range(1, min(own[-1][1], theirs[-1][1]) + 1):
        yield _time_of(theirs, number) - _time_of(own, number)


def _time_of(words: Words, number: int) -> float:
    return next(at for at, count in words if count >= number)


def realtime_words(server: Server, samples: Samples) -> Words:
    """Speaks into a realtime session as fast as one speaks; when how many words had come."""
    address = cast(Any, SimpleNamespace(url=server.url, trusting=trusting()))
    with connected(address) as client:
        chosen = {"model": "whisper-1", "language": "en"}
        audio = {"type": "audio/pcm", "rate": SAMPLE_RATE}
        client.configure(format=audio, turn_detection={"type": "server_vad"}, transcription=chosen)
        words: Words = []
        began = time.monotonic()
        done = threading.Event()

        def listen() -> None:
            texts: dict[str, str] = {}  # by item: each begins without a space
            seen = 0
            while not done.is_set():
                for event in client.events[seen:]:
                    seen += 1
                    if event["type"] == DELTA:
                        item = event["item_id"]
                        texts[item] = texts.get(item, "") + event["delta"]
                        count = sum(len(text.split()) for text in texts.values())
                        words.append((time.monotonic() - began, count))
                time.sleep(0.002)

        thread = threading.Thread(target=listen)
        thread.start()
        data = pcm(samples)
        for number, start in enumerate(range(0, len(data), PACKET_BYTES), 1):
            time.sleep(max(0.0, began + number * PACKET_SECONDS - time.monotonic()))
            client.append(data[start : start + PACKET_BYTES], size=PACKET_BYTES)
        client.send("input_audio_buffer.commit")
        client.next(COMPLETED, "error")
        time.sleep(0.2)
        done.set()
        thread.join()
        return words


def _losses(server: Server, speech: Speech, repetitions: int) -> None:
    """First caption, settled words and words lost with lost packets, as ratios of the socket without loss."""
    measured: dict[tuple[str, float], list[tuple[float, float, float]]] = {}
    for seed in range(repetitions):
        for loss in LOSSES:
            for name, spoken in ("socket", over_socket), ("WebRTC", over_webrtc):
                seen = spoken(server, speech.samples, loss, seed)
                first = next(shown.at for shown in seen.trace if shown.committed or shown.tentative)
                settled = statistics.mean(_time_of(_counts(seen), n + 1) for n in range(len(seen.committed)))
                found = first, settled, _words_found(seen, speech)
                measured.setdefault((name, loss), []).append(found)
    base = [statistics.median(column) for column in zip(*measured["socket", 0.0], strict=True)]
    for (name, loss), rows in measured.items():
        ratios = [
            statistics.median(column) / of for column, of in zip(zip(*rows, strict=True), base, strict=True)
        ]
        print(
            f"| {name}, {loss:.0%} lost: first caption, mean word, words |",
            " ".join(f"{ratio:.2f}" for ratio in ratios),
            "|",
        )


def _words_found(seen: Seen, speech: Speech) -> float:
    """The share of the words of the reference that were settled, in their order."""
    reference, settled = (re.findall(r"\w+", text.lower()) for text in (speech.reference, seen.refined))
    blocks = difflib.SequenceMatcher(None, reference, settled, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(reference)


def _counts(seen: Seen) -> Words:
    return [(shown.at, shown.committed) for shown in seen.trace]


def _together(server: Server, speech: Sequence[Speech], sessions: int) -> None:
    """So many sessions at once, our own and realtime ones: when the last word came, after the speech."""
    spoken = (list(speech) * sessions)[:sessions]
    for name, last_word in (("our own", _own_last), ("realtime", _realtime_last)):
        with ThreadPoolExecutor(sessions) as threads:
            delays = [number * BETWEEN_STREAMS_SECONDS for number in range(sessions)]
            found = threads.map(partial(last_word, server), spoken, delays)
            _row(f"{sessions} sessions at once, {name}: last word after the speech", list(found))


def _own_last(server: Server, speech: Speech, delay_seconds: float) -> float:
    words = _counts(speak(server, speech.samples, delay_seconds=delay_seconds))
    return _time_of(words, words[-1][1]) - len(speech.samples) / SAMPLE_RATE


def _realtime_last(server: Server, speech: Speech, delay_seconds: float) -> float:
    time.sleep(delay_seconds)
    return realtime_words(server, speech.samples)[-1][0] - len(speech.samples) / SAMPLE_RATE


if __name__ == "__main__":
    main()
