"""System-call filters (seccomp) of processes that read what is not trusted, by libseccomp.

The process cannot undo them, and its new threads inherit them. A call that is not allowed fails with EPERM.
Where libseccomp is missing, nothing is filtered, and the functions return False.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NOT_EQUAL, _EQUAL, _GREATER, _MASKED_EQUAL = 1, 4, 6, 7
_NO_SUCH_CALL = -1
_CLONE_THREAD = 0x00010000
_AF_UNIX, _SOCK_DGRAM, _SOCK_RAW, _SOCK_TYPES = 1, 2, 3, 0xF
_INTERNET = frozenset(
    {2, 10, 16}
)  # AF_INET, AF_INET6; AF_NETLINK for the resolver, which lists own addresses
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1

DECODER_CALLS = (
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "read", "pread64", "readv", "write",
    "pwrite64", "writev", "lseek", "ftruncate", "open", "openat", "close", "fstat", "newfstatat", "statx",
    "stat", "lstat", "readlink", "readlinkat", "fcntl", "dup", "ioctl", "getdents64", "access", "faccessat",
    "faccessat2", "recvfrom", "recvmsg", "sendto", "sendmsg", "poll", "ppoll", "select", "pselect6",
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "membarrier", "clock_gettime",
    "clock_getres", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "getpid", "gettid", "getuid",
    "geteuid", "getgid", "getegid", "getrusage", "getrandom", "sysinfo", "uname", "getrlimit", "exit",
    "exit_group",
)  # fmt: skip
"""All that FFmpeg and Python need to decode one file that is open already."""

ENGINE_DENIED = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "pidfd_send_signal", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "mount_setattr",
    "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "bpf", "perf_event_open",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key", "request_key",
    "keyctl", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot",
    "swapon", "swapoff", "acct", "quotactl",
    "syslog", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "sethostname", "setdomainname", "personality", "open_by_handle_at", "execve", "execveat",
    "fork", "vfork", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "connect", "bind", "listen",
    "accept", "accept4",
)  # fmt: skip
"""What no engine needs: other processes, programs, connections, mounts, rarely used parts of the kernel."""

CONNECTING = frozenset({"connect", "bind"})
"""What a program needs that connects; the resolver binds its socket for own addresses."""

SETS_ANY_PROCESS = ("prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr")
"""They set limits and scheduling of the process in their first argument; 0 is the caller.

Not `sched_setaffinity`, because libraries pin their threads with it, each by its number.
"""


class _Condition(ctypes.Structure):
    """`struct scmp_arg_cmp`: a comparison of one argument."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def is_available() -> bool:
    """Whether system calls can be filtered on this machine."""
    return _libseccomp() is not None


def allow_only_decoding() -> bool:
    """Allows `DECODER_CALLS` and new threads, nothing else; returns whether the filter is active."""
    with _filter(_error(errno.EPERM)) as rules:
        for call in DECODER_CALLS:
            rules.add(_ALLOW, call)
        rules.add(_ALLOW, "clone", _Condition(0, _MASKED_EQUAL, _CLONE_THREAD, _CLONE_THREAD))
        rules.add(_error(errno.ENOSYS), "clone3")  # its flags are out of reach: libc takes clone instead
        rules.add(_ALLOW, "tgkill", _Condition(0, _EQUAL, os.getpid(), 0))
        rules.add(_ALLOW, "prlimit64", _Condition(0, _EQUAL, 0, 0))  # its own limits, not those of others
        return rules.load()


def deny_what_no_engine_needs() -> bool:
    """Denies `ENGINE_DENIED`, new processes, the settings of others, and sockets for more than one peer.

    Returns whether the filter is active.
    """
    with _filter(_ALLOW) as rules:
        for call in ENGINE_DENIED:
            rules.deny(call)
        _deny_other_processes(rules)
        # The driver of a card makes unix sockets of a connection. Datagrams go to any path without `connect`.
        rules.deny("socket", _Condition(0, _NOT_EQUAL, _AF_UNIX, 0))
        for call in ("socket", "socketpair"):
            _deny_datagrams(rules, call)
        return rules.load()


def deny_all_but_connections() -> bool:
    """For a program that connects: denies what no engine needs, and all sockets but those of the internet.

    Returns whether the filter is active.
    """
    with _filter(_ALLOW) as rules:
        for call in set(ENGINE_DENIED) - CONNECTING:
            rules.deny(call)
        _deny_other_processes(rules)
        rules.deny("socket", _Condition(0, _GREATER, max(_INTERNET), 0))
        for family in set(range(max(_INTERNET))) - _INTERNET:
            rules.deny("socket", _Condition(0, _EQUAL, family, 0))
        _deny_datagrams(rules, "socketpair")
        return rules.load()


def _deny_datagrams(rules: "_Rules", call: str) -> None:
    for kind in (_SOCK_DGRAM, _SOCK_RAW):
        rules.deny(call, _Condition(1, _MASKED_EQUAL, _SOCK_TYPES, kind))


def _deny_other_processes(rules: "_Rules") -> None:
    rules.deny("clone", _Condition(0, _MASKED_EQUAL, _CLONE_THREAD, 0))
    rules.add(_error(errno.ENOSYS), "clone3")
    rules.deny("tgkill", _Condition(0, _NOT_EQUAL, os.getpid(), 0))
    for call in SETS_ANY_PROCESS:
        rules.deny(call, _Condition(0, _NOT_EQUAL, 0, 0))
    for call, process in (("setpriority", _PRIO_PROCESS), ("ioprio_set", _IOPRIO_WHO_PROCESS)):
        rules.deny(call, _Condition(0, _NOT_EQUAL, process, 0))  # of a group, or of all of a user
        rules.deny(call, _Condition(1, _NOT_EQUAL, 0, 0))


def _error(number: int) -> int:
    return _ERRNO | number


class _Rules:
    def __init__(self, library: ctypes.CDLL | None, default: int) -> None:
        self._library = library
        self._context = library.seccomp_init(ctypes.c_uint32(default)) if library else None

    def add(self, action: int, call: str, *conditions: _Condition) -> None:
        """A rule for a system call; one that this processor does not have is skipped."""
        if self._library is None or not self._context:
            return
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number == _NO_SUCH_CALL:
            return
        self._library.seccomp_rule_add_array(
            ctypes.c_void_p(self._context),
            ctypes.c_uint32(action),
            number,
            len(conditions),
            (_Condition * len(conditions))(*conditions),
        )

    def deny(self, call: str, *conditions: _Condition) -> None:
        """A rule that a system call, with these arguments, fails with EPERM."""
        self.add(_error(errno.EPERM), call, *conditions)

    def load(self) -> bool:
        """Activates the filter."""
        if self._library is None or not self._context:
            return False
        return int(self._library.seccomp_load(ctypes.c_void_p(self._context))) == 0

    def release(self) -> None:
        if self._library is not None and self._context:
            self._library.seccomp_release(ctypes.c_void_p(self._context))


@contextmanager
def _filter(default: int) -> Iterator[_Rules]:
    rules = _Rules(_libseccomp(), default)
    try:
        yield rules
    finally:
        rules.release()


@cache
def _libseccomp() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    return library
