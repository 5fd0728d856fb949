"""Sandbox of a decoder or engine process on Linux, by libc: no_new_privs, namespaces, Landlock, rlimits.

The process cannot undo any of it. What a kernel or container does not allow is skipped and reported, never
fatal, because the rlimits and FFmpeg's whitelists hold in any case.
"""

import ctypes
import math
import os
import resource
import signal

_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
# Landlock (Linux 5.13 and later; docs.kernel.org/userspace-api/landlock.html)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_READ_FILE = 1 << 2
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_SINCE_ABI_5 = 16
_TCP_SINCE_ABI = 4
_BIND_AND_CONNECT_TCP = 0b11
CPU_GRACE_SECONDS = 5


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


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


def landlock_version() -> int:
    """The Landlock ABI version of this kernel; 0 for none."""
    return max(0, _call("syscall", _CREATE_RULESET, None, ctypes.c_size_t(0), _ABI_VERSION_FLAG))


def landlock_allow_only(fd: int) -> bool:
    """Landlock: only the file of `fd` can be opened, for reading; no TCP. Returns whether it worked."""
    version = landlock_version()
    if not version:
        return False
    rights = _FILE_RIGHTS_BY_ABI.get(version, _FILE_RIGHTS_SINCE_ABI_5)
    network = _BIND_AND_CONNECT_TCP if version >= _TCP_SINCE_ABI else 0
    return _restrict(_Ruleset((1 << rights) - 1, network), _PathBeneath(_READ_FILE, fd))


def landlock_deny_tcp() -> bool:
    """Landlock: no TCP connections from this process (of one thread); returns whether it worked."""
    return landlock_version() >= _TCP_SINCE_ABI and _restrict(_Ruleset(0, _BIND_AND_CONNECT_TCP), None)


def _restrict(rules: _Ruleset, but: _PathBeneath | None) -> bool:
    size = ctypes.sizeof(rules) if rules.network else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _call("syscall", _CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    added = (
        0 if but is None
        else _call("syscall", _ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(but), 0)
    )  # fmt: skip
    closed = added == 0 and _call("syscall", _RESTRICT_SELF, ruleset, 0) == 0
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
