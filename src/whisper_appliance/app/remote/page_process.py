"""The process that fetches the recording of a page: `page` sends it a job and reads its answer, both JSON.

yt-dlp makes requests of its own, so an audit hook (PEP 578), which no code in Python can remove, checks them
and refuses to start programs. Landlock and seccomp hold for native code, too, but for the addresses.
"""

import json
import ssl
import sys
from pathlib import Path
from typing import Any

from whisper_appliance.core import sandbox, seccomp
from whisper_appliance.webhooks.target import is_public

MEMORY_BYTES = 2 * 2**30
CPU_SECONDS = 300
OPEN_FILES = 128
REQUEST_SECONDS = 30
READABLE = (
    "/usr", "/lib", "/lib64", "/nix", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/mime.types", "/etc/localtime",
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services", "/etc/passwd", "/etc/yt-dlp", "/etc/yt-dlp-plugins",
)  # fmt: skip
"""Libraries, certificates, time zone, and what the resolver of names reads."""
DEVICES = ("/dev/null", "/dev/urandom")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
_HTTP = "[protocol^=http]"
_HLS = "[protocol=m3u8_native]"
FORMATS = "/".join(f"{kind}{protocol}" for protocol in (_HTTP, _HLS) for kind in ("bestaudio", "best"))
"""The sound alone, or else the smallest set of what one download gives, because nothing is merged here."""


class Guard:
    """Refuses connections to what is not public, and programs; `refused` says whether a connection was."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self.refused = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook. Raises `PermissionError`."""
        if event in _PROGRAMS:
            raise PermissionError("no programs are started here")
        if event == "socket.connect" and not self._private and not _is_allowed(arguments[1]):
            self.refused = True
            raise PermissionError("this address is not public")


def _is_allowed(address: object) -> bool:
    try:
        return isinstance(address, tuple) and is_public(str(address[0]))
    except ValueError:  # a name: the system would resolve it, perhaps to another address than was checked
        return False


class _Limit:
    """Ends a download that is too large."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.exceeded = False

    def __call__(self, progress: dict[str, Any]) -> None:
        from yt_dlp.utils import DownloadCancelled

        sizes = (progress.get("downloaded_bytes"), progress.get("total_bytes"))
        if any(size is not None and size > self._max_bytes for size in sizes):
            self.exceeded = True
            raise DownloadCancelled


class _Silent:
    """yt-dlp's messages: the answer is JSON, and the log must have no addresses."""

    def debug(self, _message: str) -> None: ...

    def warning(self, _message: str) -> None: ...

    def error(self, _message: str) -> None: ...


def fetch(job: dict[str, Any], guard: Guard) -> dict[str, str]:
    """The answer: the name of the file that was fetched, or the code of an error."""
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import YoutubeDLError

    limit = _Limit(job["max_bytes"])
    options = {
        "format": FORMATS,
        "outtmpl": {"default": job["target"].replace("%", "%%")},
        "noplaylist": True,
        "playlist_items": "1",
        "nopart": True,
        "overwrites": True,
        "updatetime": False,
        "fixup": "never",
        "hls_prefer_native": True,
        "cachedir": False,
        "proxy": "",
        "socket_timeout": REQUEST_SECONDS,
        "match_filter": lambda info, **_: "a live stream has no end" if info.get("is_live") else None,
        "progress_hooks": [limit],
        "logger": _Silent(),
    }
    try:
        with YoutubeDL(options) as downloader:
            info = downloader.extract_info(job["url"])
    except (YoutubeDLError, OSError):
        info = None
    if guard.refused:
        return {"error": "private"}
    if limit.exceeded:
        return {"error": "too_large"}
    if not info or not Path(job["target"]).is_file():
        return {"error": "none"}
    fetched = next(iter(info.get("entries") or ()), info)
    return {"name": f"{info.get('title') or 'recording'}.{fetched.get('ext') or 'bin'}"}


def drop_privileges(job: dict[str, Any]) -> None:
    """Leaves to this process what a download needs: the folder of its target to write, libraries to read."""
    sandbox.set_no_new_privs()
    sandbox.set_rlimits(
        memory_bytes=MEMORY_BYTES,
        cpu_seconds=CPU_SECONDS,
        wall_seconds=job["seconds"],
        file_bytes=job["max_bytes"] + 1,
        open_files=OPEN_FILES,
    )
    sandbox.drop_capabilities()
    certificates = ssl.get_default_verify_paths()
    sandbox.landlock_allow_reading(
        [*READABLE, *sandbox.python_paths(), *filter(None, (certificates.cafile, certificates.capath))],
        devices=DEVICES,
        folders=[str(Path(job["target"]).parent)],
        tcp=True,
    )
    seccomp.deny_all_but_connections()


def main() -> None:
    """Reads the job, limits itself, and writes the answer."""
    job = json.loads(sys.stdin.read())
    guard = Guard(private=job["private"])
    drop_privileges(job)
    sys.addaudithook(guard)
    print(json.dumps(fetch(job, guard)))


if __name__ == "__main__":
    main()
