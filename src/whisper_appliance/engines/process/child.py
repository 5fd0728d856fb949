"""The engine's own process: reads requests from a pipe, decodes windows in parallel, sends responses."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing.connection import Connection

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.memory import trim_heap
from whisper_appliance.core.sandbox import Isolation
from whisper_appliance.engines.contract import SPARE_WORKERS, Engine, EngineSpec
from whisper_appliance.engines.process.loader import given_loader
from whisper_appliance.engines.process.messages import (
    DecodeWindows,
    DetectSpeech,
    EngineInfo,
    Exit,
    LoadFailed,
    Ready,
    Request,
    RequestFailed,
    Response,
    SpeechDetected,
    WindowsDecoded,
    encode_response,
)
from whisper_appliance.engines.process.out_of_memory import OUT_OF_MEMORY, is_out_of_memory
from whisper_appliance.engines.process.wire_format import receive
from whisper_appliance.engines.registry import load_engine
from whisper_appliance.engines.vad import Silero, load_silero

NICENESS = 5
PATIENT_NICENESS = 10  # added for batch work, so that urgent windows get the cores first


class EngineChild:
    """Serves requests until the pipe closes."""

    def __init__(
        self,
        connection: Connection,
        spec: EngineSpec,
        load: Callable[[EngineSpec], Engine],
        isolation: Isolation,
    ) -> None:
        self._connection = connection
        self._isolation = isolation
        self._sending = threading.Lock()
        self._spec = spec
        self._load = load
        self._vad_streams: dict[int, Silero] = {}
        self._silero = cache(load_silero)

    def run(self) -> None:
        """Loads the model, then serves. Exits when the parent is gone, even in the middle of work."""
        try:
            self._engine = self._load(self._spec)
        except ApplianceError as error:
            self._send(LoadFailed(error.message))
            return
        trim_heap()  # what loading took for a while
        self._send(Ready(_info_of(self._engine, self._isolation)))
        workers = self._spec.workers + SPARE_WORKERS
        urgent = ThreadPoolExecutor(workers)
        patient = ThreadPoolExecutor(workers, initializer=os.nice, initargs=(PATIENT_NICENESS,))
        vad = ThreadPoolExecutor(1)
        vad.submit(self._silero)  # so that the first recording does not wait for it
        while True:
            match self._receive():
                case DecodeWindows() as request:
                    (urgent if request.urgent else patient).submit(self._serve, request)
                case DetectSpeech() as request:
                    vad.submit(self._serve, request)
                case Exit():
                    os._exit(0)

    def _receive(self) -> Request:
        try:
            request: Request = receive(self._connection, Request)
        except (EOFError, OSError):
            os._exit(0)
        return request

    def _serve(self, request: DecodeWindows | DetectSpeech) -> None:
        try:
            response = self._response_to(request)
        except ApplianceError as error:
            self._send(RequestFailed(request.number, error.message))
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever a library raises belongs to this window
            if is_out_of_memory(error):
                os._exit(OUT_OF_MEMORY)
            self._send(RequestFailed(request.number, f"{type(error).__name__}: {error}"))
        else:
            self._send(response)

    def _response_to(self, request: DecodeWindows | DetectSpeech) -> Response:
        if isinstance(request, DecodeWindows):
            return WindowsDecoded(request.number, self._engine.transcribe(request.windows))
        if request.samples is None:
            self._vad_streams.pop(request.stream, None)
            return SpeechDetected(request.number, None)
        if request.stream not in self._vad_streams:
            self._vad_streams[request.stream] = Silero(self._silero())
        probabilities = self._vad_streams[request.stream].feed(request.samples)
        return SpeechDetected(request.number, tuple(probabilities.tolist()))

    def _send(self, response: Response) -> None:
        try:
            with self._sending:
                self._connection.send_bytes(encode_response(response))
        except OSError:
            os._exit(0)


def _info_of(engine: Engine, isolation: Isolation) -> EngineInfo:
    return EngineInfo(
        engine.name,
        engine.version,
        engine.device,
        engine.compute_type,
        engine.multilingual,
        engine.warnings,
        isolation,
    )


def serve(pipe: int, isolation: Isolation) -> None:
    """Serves the pipe with this descriptor; it brings the specification first."""
    # A service manager's signals reach every process of the service; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(pipe)
    try:
        spec = receive(connection, EngineSpec)
    except EOFError:
        return
    EngineChild(connection, spec, given_loader(load_engine), isolation).run()
