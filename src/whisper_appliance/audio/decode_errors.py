"""Decode errors and damage notices: translates what the decoder reports into messages for people."""

from typing import Any

from whisper_appliance.audio.formats import FORMATS, UNREADABLE
from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import (
    ApplianceError,
    AudioTooLong,
    DecoderLimit,
    DiskFull,
    InvalidRequest,
    NoAudio,
    Unavailable,
    Undecodable,
)
from whisper_appliance.core.i18n import N_
from whisper_appliance.core.text import format_duration
from whisper_appliance.transcript.model import Notice

# Containers with an exact length in the header; others only estimate it from the bit rate.
_COUNTING_CONTAINERS = {"flac", "wav", "w64", "aiff", "caf", "mov,mp4,m4a,3gp,3g2,mj2"}
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
# Below this, no notice: one bad packet is normal at the start of a file that was cut out of a stream.
_NEGLIGIBLE_SECONDS = 0.1

_UNREADABLE = N_(
    "{format} files can't be read, because they are encrypted or their format is secret. {way_out}"
)
WRONG_LENGTH = N_("The file is damaged. It says that it is {claimed} long, but its sound ends at {actual}.")
READ_UP_TO = N_("The file is damaged. It could be read up to {time}.")
LOST = N_(
    "The file is damaged. About {seconds} s of it could not be read, at {time} or later; the rest is here."
)
LOST_A_LITTLE = N_(
    "The file is damaged. A little of it could not be read, at {time} or later; the rest is here."
)
_UNDECODABLE = {
    "no_index": N_(
        "The end of this file is missing, and with it its index or all of its sound. "
        "Copy the recording from its device again, or open it there and save it anew."
    ),
    "rate": N_("This file's sample rate is not one of speech. Save it with 4 to 384 kHz and try again."),
    "channels": N_("This file has more than 8 channels. Save it in mono or stereo and try again."),
}
NO_SOUND = N_(
    "This file holds no sound, or less than a tenth of a second. "
    "Check that the recording was saved with its sound."
)
DOES_NOT_START = N_("The decoder does not start on this machine. Its operator can see why with `doctor`.")
KILLED = N_("The decoder was killed, perhaps because the machine is out of memory.")
TOO_SLOW = N_("The machine was too busy to decode this file in time.")


def unreadable_error(name: str, kind: type[ApplianceError] = Undecodable) -> ApplianceError:
    """The error for a format of `formats.UNREADABLE`, by its name, with the way out."""
    unreadable = next(one for one in UNREADABLE if one.name == name)
    return kind(
        _UNREADABLE,
        format=name,
        way_out=Undecodable(unreadable.way_out),
    )


def error_for_exit(verdict: str, detail: str = "", *, max_seconds: float) -> ApplianceError:
    """The error for a `verdict` of the decoder process."""
    match verdict:
        case "unreadable" if any(detail == one.name for one in UNREADABLE):
            return unreadable_error(detail)
        case "machine":
            return Unavailable("The machine reports: {reason}.", reason=detail)
        case "track":
            return InvalidRequest(
                "This file has no such track. The number of its tracks: {tracks}.",
                tracks=detail,
                field="track",
            )
        case "no_audio":
            return NoAudio(NO_SOUND)
        case "no_index" | "rate" | "channels":
            return Undecodable(_UNDECODABLE[verdict])
        case "too_long":
            limit = format_duration(max_seconds)
            return AudioTooLong(
                "This recording is longer than the limit of {limit}. Split it and send the parts.",
                limit=limit,
            )
        case "disk_full":
            return DiskFull("The disk is too full to decode this file. Free some space and try again.")
        case "limit":
            return DecoderLimit(
                "Reading this file takes more time or memory than it may. Save it as WAV or MP3, or split it."
            )
        case _:
            return Undecodable(
                "This file can't be read as audio. Send it as one of: {formats}.",
                formats=", ".join(one.name for one in FORMATS if not one.raw),
            )


def error_for_film(verdict: str, *, max_seconds: float) -> ApplianceError:
    """The error for a `verdict` of the process that adds subtitles to a film."""
    match verdict:
        case "no_pictures" | "no_audio":
            return InvalidRequest("This recording is no film. Download its subtitles by themselves.")
        case "not_copied" | "killed":
            return Undecodable(
                "The pictures of this film can't be copied into Matroska. Download its subtitles by "
                "themselves; players show those that lie beside a film under the same name."
            )
        case _:
            return error_for_exit(verdict, max_seconds=max_seconds)


def damage_notices(header: dict[str, Any], ended: dict[str, Any]) -> tuple[Notice, ...]:
    """A notice for a file that was decoded but is damaged: lost packets, or a wrong length in its header."""
    seconds = ended["samples"] / SAMPLE_RATE
    header_seconds = header.get("seconds") if header.get("container") in _COUNTING_CONTAINERS else None
    missing = (header_seconds or 0.0) - seconds
    is_shorter = missing > max(_MISSING_SECONDS, _MISSING_SHARE * seconds)
    found = []
    is_lost = ended["lost_places"] and not 0 < ended["lost_seconds"] < _NEGLIGIBLE_SECONDS
    lost_at = ended["lost_at_seconds"] or 0.0
    if is_lost and not (is_shorter and seconds - lost_at < _MISSING_SECONDS):
        found.append(_damage(ended["lost_seconds"], lost_at, seconds))
    if is_shorter:
        claimed, actual = format_duration(header_seconds or 0.0), format_duration(seconds)
        found.append(WRONG_LENGTH.format(claimed=claimed, actual=actual))
    if not found and ended["cut_off"]:
        found.append(_damage(0.0, seconds, seconds))
    return tuple(Notice("damaged", each) for each in found)


def _damage(lost_seconds: float, at_seconds: float, seconds: float) -> str:
    if seconds - at_seconds < _MISSING_SECONDS:
        return READ_UP_TO.format(time=format_duration(seconds))
    lost = LOST if lost_seconds >= 1 else LOST_A_LITTLE
    return lost.format(seconds=round(lost_seconds), time=format_duration(at_seconds))
