"""The engine's own process: reads windows from a pipe, hears them side by side, writes results back."""

import gc
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from whisper_appliance.core.errors import ApplianceError, ModelUnavailable
from whisper_appliance.core.samples import Samples
from whisper_appliance.engines.contract import SPARE_WORKERS, Engine, EngineSpec
from whisper_appliance.engines.process.out_of_memory import OUT_OF_MEMORY, is_out_of_memory, trim_heap
from whisper_appliance.engines.vad import Silero, load_silero

NICENESS = 5
PATIENT_NICENESS = 10  # more: a core goes to who waits, as long as they have work for it


def load_engine(spec: EngineSpec) -> Engine:
    """The engine that the specification names; "auto": the quickest here that can read the model."""
    if spec.engine == "openai-whisper":
        from whisper_appliance.engines.openai_whisper.engine import OpenAIWhisperEngine

        return OpenAIWhisperEngine(spec)
    from whisper_appliance.engines.faster_whisper.engine import FasterWhisperEngine, has_cuda, no_cuda
    from whisper_appliance.engines.onnx.engine import OnnxEngine

    if spec.engine == "onnxruntime":
        return OnnxEngine(spec)
    if spec.engine == "faster-whisper" or spec.compute_type not in ("auto", "int8"):
        return FasterWhisperEngine(spec)
    notices = no_cuda(spec.device)
    if has_cuda(spec.device):
        engine = FasterWhisperEngine(spec)
        if engine.device == "cuda":
            return engine
        notices = engine.warnings  # the card cannot be used
        del engine
    with suppress(ModelUnavailable):
        return OnnxEngine(spec, notices)
    gc.collect()  # what was loaded of it
    return FasterWhisperEngine(spec)  # it knows more kinds of models


class Child:
    """Answers requests until the pipe closes."""

    def __init__(
        self, connection: Connection, spec: EngineSpec, load: Callable[[EngineSpec], Engine], network: str
    ) -> None:
        self._connection = connection
        self._network = network
        self._sending = threading.Lock()
        self._spec = spec
        self._load = load
        self._voices: dict[int, Silero] = {}
        self._silero = cache(load_silero)

    def run(self) -> None:
        """Loads the model, then serves. Ends the process when the parent is gone, whatever still computes."""
        try:
            self._engine = self._load(self._spec)
        except ApplianceError as error:
            self._send("failed", error.message)
            return
        trim_heap()  # what loading took for a while
        facts = {name: getattr(self._engine, name) for name in
                 ("name", "version", "device", "compute_type", "multilingual", "warnings")}  # fmt: skip
        self._send("ready", facts | {"network": self._network})
        workers = self._spec.workers + SPARE_WORKERS
        pools = {
            "urgent": ThreadPoolExecutor(workers),
            "patient": ThreadPoolExecutor(workers, initializer=os.nice, initargs=(PATIENT_NICENESS,)),
            "voice": ThreadPoolExecutor(1),
        }
        pools["voice"].submit(self._silero)  # so that the first recording does not wait for it
        while True:
            try:
                kind, *request = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if kind == "stop":
                os._exit(0)
            pools[kind].submit(self._answer, kind, request)

    def _answer(self, kind: str, request: list[Any]) -> None:
        number = request[0]
        try:
            answer = self._voice(*request) if kind == "voice" else self._engine.transcribe(request[1])
        except ApplianceError as error:
            self._send("error", number, error.message)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever a library raises belongs to this window
            if is_out_of_memory(error):
                os._exit(OUT_OF_MEMORY)
            self._send("error", number, f"{type(error).__name__}: {error}")
        else:
            self._send("done", number, answer)

    def _voice(self, _: int, stream: int, samples: Samples | None) -> object:
        if samples is None:
            self._voices.pop(stream, None)
            return None
        if stream not in self._voices:
            self._voices[stream] = Silero(self._silero())
        return self._voices[stream].feed(samples)

    def _send(self, *message: object) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:
            os._exit(0)


def serve(pipe: int, network: str) -> None:
    """Works through `pipe`, a descriptor that brings the specification first; tells of its `network`."""
    # A service manager's signals reach every process of the service; the parent decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(pipe)
    try:
        spec, load = connection.recv()
    except EOFError:
        return
    Child(connection, spec, load or load_engine, network).run()
