"""Entry point of a process that reads a model: drops privileges, then serves the engine, or what it is given.

Nothing heavy may be imported before that, because libraries start threads, and a thread keeps its privileges.
"""

import glob
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.engines.process.out_of_memory import FAILURES, OUT_OF_MEMORY, is_out_of_memory

OPEN_FILES = 512


SYSTEM_PATHS = (
    "/usr", "/lib", "/lib64", "/nix", "/opt/cuda", "/proc", "/sys", "/run/opengl-driver",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/localtime", "/etc/nvidia", "/etc/passwd", "/etc/nsswitch.conf",
)  # fmt: skip
"""Where libraries of the system, and facts about the machine, are read."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
CARDS = ("nvidiactl", "dxg", "nvmap")
"""Of a machine, of WSL, of Tegra: one of them is there where a card is."""
CARD_NODES = ("nvidia*", "dxg", "nvmap", "nvhost*", "nvgpu", "nvsciipc", "host1x-fence", "dri")
"""In /dev: all that the drivers of these cards open, which may be folders."""


def drop_privileges(model: Path) -> sandbox.Isolation:
    """No core dumps, new privileges, capabilities, network or programs; few files, and those read only.

    Returns what of it this machine allows.
    """
    sandbox.limit_files(OPEN_FILES)
    unprivileged = sandbox.set_no_new_privs()
    own_network = sandbox.unshare_network()
    dropped = sandbox.drop_capabilities(keep_reading=True)
    landlocked = sandbox.landlock_allow_reading(
        readable_paths(model), devices=[*DEVICES, *card_nodes("/dev")]
    )
    no_tcp = landlocked and sandbox.landlock_version() >= sandbox.TCP_SINCE_ABI
    return sandbox.Isolation(
        network="own" if own_network else "no tcp" if no_tcp else "shared",
        files="the model and libraries" if landlocked else "readable ones",
        no_new_privileges=unprivileged,
        calls="filtered" if seccomp.deny_what_no_engine_needs() else "all",
        capabilities="dropped" if dropped else "kept",
    )


def card_nodes(folder: str) -> Iterator[str]:
    """The devices of graphics cards in a folder such as /dev; none without a card that engines use."""
    if any(os.path.exists(os.path.join(folder, card)) for card in CARDS):
        for pattern in CARD_NODES:
            yield from sorted(glob.glob(os.path.join(folder, pattern)))


def readable_paths(model: Path) -> Iterator[str]:
    """What an engine may read: Python, the program and its packages, libraries of the system, the model."""
    yield from SYSTEM_PATHS
    yield from sandbox.python_paths()
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    yield str(model)
    if model.is_dir():  # files of a model may be links to where a hub keeps them
        yield from {str(file.resolve().parent) for file in model.iterdir()}


def main(serve: Callable[[int, sandbox.Isolation], None]) -> None:
    """Takes the pipe's descriptor and the folder of the model from the command line.

    Calls `serve(pipe, isolation)` without privileges, and exits with `OUT_OF_MEMORY` when memory runs out.
    """
    isolation = drop_privileges(Path(sys.argv[2]))
    try:
        serve(int(sys.argv[1]), isolation)
    except FAILURES as error:
        if not is_out_of_memory(error):
            raise
        os._exit(OUT_OF_MEMORY)
    os._exit(0)


def serve_engine(pipe: int, isolation: sandbox.Isolation) -> None:
    """Imports the engine only now, and serves it."""
    from whisper_appliance.engines.process.child import serve

    serve(pipe, isolation)


if __name__ == "__main__":
    main(serve_engine)
