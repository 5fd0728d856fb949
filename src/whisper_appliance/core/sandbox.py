"""Sandbox of a process on Linux: no_new_privs, capabilities, namespaces, Landlock, rlimits.

The process cannot undo any of it. What a kernel or container does not allow is skipped and reported, never
fatal, because the rlimits and FFmpeg's whitelists hold in any case.
"""

import ctypes
import math
import os
import resource
import signal
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Literal

_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
# Landlock (Linux 5.13 and later; docs.kernel.org/userspace-api/landlock.html)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_EXECUTE = 1
_WRITE_FILE, _READ_FILE, _READ_DIRECTORY, _DEVICE_CONTROL = (1 << bit for bit in (1, 2, 3, 15))
_CHANGE_FILES = _WRITE_FILE | sum(1 << bit for bit in (5, 8, 14))  # remove file, make regular file, truncate
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_SINCE_ABI_5 = 16
TCP_SINCE_ABI = 4
_BIND_AND_CONNECT_TCP = 0b11
_SCOPES_SINCE_ABI = 6
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 2
CPU_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Isolation:
    """The sandbox layers that hold for a process on this machine, in addition to its limits."""

    network: Literal["own", "no tcp", "shared"]
    files: Literal["the source only", "the model and libraries", "readable ones"]
    no_new_privileges: bool
    calls: Literal["filtered", "all"]
    capabilities: Literal["dropped", "kept"]

    @property
    def is_complete(self) -> bool:
        """Whether no layer is missing."""
        confined = self.network != "shared" and self.files != "readable ones"
        return (
            confined and self.no_new_privileges and (self.calls, self.capabilities) == ("filtered", "dropped")
        )

    def __str__(self) -> str:
        privileges = "no new privileges" if self.no_new_privileges else "new privileges possible"
        return (
            f"network: {self.network}; files: {self.files}; calls: {self.calls}; "
            f"capabilities: {self.capabilities}; {privileges}"
        )


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _call(function: str, *arguments: object) -> int:
    return int(getattr(ctypes.CDLL(None), function)(*arguments))


def set_no_new_privs() -> bool:
    """Sets no_new_privs and disables core dumps; returns whether it worked."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0


def unshare_network() -> bool:
    """Moves the process into an empty network namespace; returns whether it worked.

    Needs a process with one thread, because an unprivileged process also needs a user namespace.
    """
    return any(_call("unshare", flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def drop_capabilities(*, keep_reading: bool = False) -> bool:
    """Drops all capabilities for good; returns whether it worked.

    `keep_reading`: root keeps the one to read files of others, for models that another user installed.
    """
    kept = 1 << _CAP_DAC_READ_SEARCH if keep_reading else 0
    capability = 0
    while _call("prctl", _PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        if not kept >> capability & 1:
            _call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
        capability += 1
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    current = (ctypes.c_uint32 * 6)()
    if _call("capget", header, current) != 0:
        return False
    low = kept & current[1]  # effective, permitted, inheritable; only what is permitted can stay
    return _call("capset", header, (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)) == 0


def python_paths() -> Iterator[str]:
    """Where Python, the program and its packages are."""
    yield from (path for path in sys.path if path)
    yield from {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}


def landlock_version() -> int:
    """The Landlock ABI version of this kernel; 0 for none."""
    return max(0, _call("syscall", _CREATE_RULESET, None, ctypes.c_size_t(0), _ABI_VERSION_FLAG))


def landlock_allow_only(fd: int) -> bool:
    """Landlock: only the file of `fd` can be opened, for reading; no TCP. Returns whether it worked."""
    return _restrict(_all_file_rights(), [_PathBeneath(_READ_FILE, fd)])


def landlock_allow_reading(
    paths: Iterable[str], *, devices: Iterable[str] = (), folders: Iterable[str] = (), tcp: bool = False
) -> bool:
    """Landlock: only files in `paths` can be read, only `devices` written; no TCP, unless `tcp`.

    In `folders` files can be made, written, renamed and deleted. Paths that do not exist are skipped. Returns
    whether it worked.
    """
    rights = _all_file_rights()
    granted = chain(
        ((path, 0) for path in paths),
        ((device, _WRITE_FILE | _DEVICE_CONTROL & rights) for device in devices),
        ((folder, _CHANGE_FILES & rights) for folder in folders),
    )
    with ExitStack() as opened:
        allowed = []
        for path, more in granted:
            if (fd := _opened(path, opened)) is not None:
                reading = _READ_FILE | (_READ_DIRECTORY if stat.S_ISDIR(os.fstat(fd).st_mode) else 0)
                allowed.append(_PathBeneath(reading | more, fd))
        return _restrict(rights & ~_EXECUTE, allowed, tcp=tcp)


def _opened(path: str, opened: ExitStack) -> int | None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    opened.callback(os.close, fd)
    return fd


def _all_file_rights() -> int:
    rights = _FILE_RIGHTS_BY_ABI.get(landlock_version(), _FILE_RIGHTS_SINCE_ABI_5)
    return (1 << rights) - 1


def _restrict(file_rights: int, allowed: Sequence[_PathBeneath], *, tcp: bool = False) -> bool:
    """Activates rules as strict as this kernel's Landlock can be. Needs a process with one thread."""
    version = landlock_version()
    if not version:
        return False
    network = _BIND_AND_CONNECT_TCP if version >= TCP_SINCE_ABI and not tcp else 0
    scoped = _SIGNALS_AND_ABSTRACT_SOCKETS if version >= _SCOPES_SINCE_ABI else 0
    rules = _Ruleset(file_rights, network, scoped)
    # older kernels know fewer fields
    size = 8 * (3 if version >= _SCOPES_SINCE_ABI else 2 if version >= TCP_SINCE_ABI else 1)
    ruleset = _call("syscall", _CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    added = all(
        _call("syscall", _ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0) == 0
        for rule in allowed
    )
    closed = added and _call("syscall", _RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return closed


def set_rlimits(
    *, memory_bytes: int, cpu_seconds: int, wall_seconds: float, file_bytes: int, open_files: int = 32
) -> None:
    """Sets rlimits and an alarm; time counts from now, and at its end a signal kills the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = math.ceil(used.ru_utime + used.ru_stime) + cpu_seconds
    _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_CPU, cpu + CPU_GRACE_SECONDS, soft=cpu)  # SIGXCPU; only others send SIGKILL
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    limit_files(open_files)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)


def limit_files(count: int) -> None:
    """Limits how many files are open at once."""
    _lower(resource.RLIMIT_NOFILE, count)


def _lower(what: int, ceiling: int, *, soft: int | None = None) -> None:
    hard = resource.getrlimit(what)[1]
    lower = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
    resource.setrlimit(what, (lower if soft is None else min(soft, lower), lower))
