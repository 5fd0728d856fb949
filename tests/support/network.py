"""A network between a client and the started program, which can be cut and mended."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Network:
    """Passes bytes on in both directions; while it is cut, open connections are dead and new ones refused."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._down = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing comes through."""
        with self._lock:
            self._down = True
            for end in self._open:
                _end(end)
            self._open.clear()

    def mend(self) -> None:
        """New connections come through."""
        self._down = False

    def close(self) -> None:
        """No more of it."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._down:
                    self.refused += 1
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


@contextmanager
def network_to(port: int) -> Iterator[Network]:
    """A network to this port, for a while."""
    network = Network(port)
    try:
        yield network
    finally:
        network.close()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    _end(source)
    _end(sink)


def _end(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class UnreliableNetwork:
    """A network between client and server, whose connections break after a random number of bytes."""

    def __init__(self, port: int, cuts: int, seed: int) -> None:
        self._target = port
        self._left = cuts
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._left -= 1
            budget = self._random.randint(4_000, 40_000) if self._left >= 0 else 10**12
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(near, far, budget), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, 10**12), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, budget: int) -> None:
        try:
            while data := source.recv(min(2048, max(1, budget))):
                sink.sendall(data)
                budget -= len(data)
                if budget <= 0:
                    self.cuts += 1
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
