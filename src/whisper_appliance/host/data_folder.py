"""The data folder at the start: it can be written, or one sentence says which command helps."""

import errno
import os
import pwd
import shlex
import tempfile
from pathlib import Path

from whisper_appliance.core.errors import BadSetting


def check_data_folder(folder: Path) -> None:
    """Makes the folder, and writes to it. Raises `BadSetting`, because a second try does not help."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        refused = next(filter(_is_refused, folder.iterdir()), None)
    except PermissionError as error:
        refused = Path(error.filename or folder)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise BadSetting(
            "{folder} is on a read-only file system. Set DATA_DIR to a folder that can be written; in a "
            "container, mount a volume there: -v whisper:/data -e DATA_DIR=/data",
            folder=folder,
        ) from None
    if refused:
        raise _not_ours(folder, refused)


def _is_refused(path: Path) -> bool:
    return path.stat().st_uid != os.geteuid() and not os.access(path, os.R_OK | os.W_OK, effective_ids=True)


def _not_ours(folder: Path, refused: Path) -> BadSetting:
    there = next(path for path in (refused, *refused.parents) if os.path.lexists(path))
    try:
        owner = _name(there.stat().st_uid)
    except OSError:
        owner = "somebody else"
    return BadSetting(
        "{there} belongs to {owner}, and this program runs as {user}, which cannot write the data folder. "
        "Give it to this user: {command}",
        there=there,
        owner=owner,
        user=_name(os.geteuid()),
        command=_command(folder),
    )


def _command(folder: Path) -> str:
    user, group, name = os.geteuid(), os.getegid(), shlex.quote(str(folder))
    if os.path.lexists(folder):
        return f"chown -R {user}:{group} {name}"
    return f"install -d -o {user} -g {group} -m 700 {name} (or set DATA_DIR to a folder of its own)"


def _name(user: int) -> str:
    try:
        return f"{pwd.getpwuid(user).pw_name} ({user})"
    except KeyError:
        return f"user {user}"
