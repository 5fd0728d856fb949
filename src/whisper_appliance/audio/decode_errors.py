"""What the decoder found, in words for people."""

from typing import Any

from whisper_appliance.core.audio_format import SAMPLE_RATE
from whisper_appliance.core.errors import (
    ApplianceError,
    AudioTooLong,
    DecoderLimit,
    DiskFull,
    NoAudio,
    Undecodable,
)
from whisper_appliance.transcript.model import Notice

# Containers whose header counts the sound itself; elsewhere the length is a guess from the bit rate.
_COUNTING_CONTAINERS = {"flac", "wav", "w64", "aiff", "caf", "mov,mp4,m4a,3gp,3g2,mj2"}
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
# One bad packet, as at the start of a file that was cut out of a stream, is not worth a word.
_NEGLIGIBLE_SECONDS = 0.1

DOES_NOT_START = "The decoder does not start on this machine. Its operator can see why with `doctor`."
_UNDECODABLE = "This file can't be read as audio. Send it as WAV, MP3, M4A, FLAC, Ogg, WebM or MP4."


def error(verdict: str, *, max_seconds: float) -> ApplianceError:
    """The error for what the decoder's program calls `verdict`."""
    match verdict:
        case "no_audio":
            return NoAudio("This file holds no audio. Check that the recording was saved with its sound.")
        case "rate":
            return Undecodable(
                "This file's sample rate is not one of speech. Save it with 4 to 384 kHz and try again."
            )
        case "channels":
            return Undecodable("This file has more than 8 channels. Save it in mono or stereo and try again.")
        case "too_long":
            limit = clock(max_seconds)
            return AudioTooLong(
                f"This recording is longer than the limit of {limit}. Split it and send the parts."
            )
        case "disk_full":
            return DiskFull("The disk is too full to decode this file. Free some space and try again.")
        case "limit":
            return DecoderLimit(
                "Reading this file takes more time or memory than it may. Save it as WAV or MP3, or split it."
            )
        case _:
            return Undecodable(_UNDECODABLE)


def notices(header: dict[str, Any], ended: dict[str, Any]) -> tuple[Notice, ...]:
    """What is wrong with a file that could be read all the same."""
    seconds = ended["samples"] / SAMPLE_RATE
    promised = header.get("seconds") if header.get("container") in _COUNTING_CONTAINERS else None
    missing = (promised or 0.0) - seconds
    found = []
    if ended["lost_places"] and not 0 < ended["lost_seconds"] < _NEGLIGIBLE_SECONDS:
        found.append(_damage(ended["lost_seconds"], ended["lost_at_seconds"], seconds))
    if missing > max(_MISSING_SECONDS, _MISSING_SHARE * seconds):
        found.append(
            f"It says that it is {clock(promised or 0.0)} long, but its sound ends at {clock(seconds)}."
        )
    return (Notice("damaged", " ".join(["The file is damaged.", *found])),) if found else ()


def _damage(lost_seconds: float, at_seconds: float, seconds: float) -> str:
    if seconds - at_seconds < _MISSING_SECONDS:
        return f"It could be read up to {clock(seconds)}."
    how_much = f"About {lost_seconds:.0f} s of it" if lost_seconds >= 1 else "A little of it"
    return f"{how_much} could not be read, at {clock(at_seconds)} or later; the rest is here."


def clock(seconds: float) -> str:
    """0:12, 4:05 or 10:00:00."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
