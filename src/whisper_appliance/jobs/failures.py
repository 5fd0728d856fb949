"""Classification of failures: due to the machine, to a setting, to the recording, or to the request.

A failure of the machine or of a setting postpones a job, because it can pass. A failure of the recording ends
the job once it has occurred twice, each time in a fresh process. A failure of the request ends it at once.
"""

import errno
from enum import StrEnum

from whisper_appliance.core import descriptors, errors
from whisper_appliance.core.errors import ApplianceError, DiskFull, Unavailable
from whisper_appliance.engines.process.out_of_memory import is_out_of_memory

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT)


class FailureKind(StrEnum):
    """Whose failure an error is."""

    MACHINE = "machine"
    SETTING = "setting"
    RECORDING = "recording"
    REQUEST = "request"


KINDS: dict[type[ApplianceError], FailureKind] = {
    errors.Unavailable: FailureKind.MACHINE,
    errors.ModelUnavailable: FailureKind.MACHINE,
    errors.ModelDownloading: FailureKind.MACHINE,
    errors.DecoderKilled: FailureKind.MACHINE,
    errors.DiskFull: FailureKind.MACHINE,
    errors.Busy: FailureKind.MACHINE,
    errors.DatabaseDamaged: FailureKind.MACHINE,
    errors.AlreadyRunning: FailureKind.MACHINE,
    errors.BadSetting: FailureKind.SETTING,
    errors.AudioError: FailureKind.RECORDING,
    errors.Undecodable: FailureKind.RECORDING,
    errors.DecoderLimit: FailureKind.RECORDING,
    errors.EngineFailed: FailureKind.RECORDING,
    errors.NoAudio: FailureKind.REQUEST,
    errors.AudioTooLong: FailureKind.REQUEST,
    errors.UnsupportedMedia: FailureKind.REQUEST,
    errors.TooLarge: FailureKind.REQUEST,
    errors.InvalidRequest: FailureKind.REQUEST,
    errors.NotAllowed: FailureKind.REQUEST,
    errors.WrongHost: FailureKind.REQUEST,
    errors.SignInRequired: FailureKind.REQUEST,
    errors.SignInFailed: FailureKind.REQUEST,
    errors.NotFound: FailureKind.REQUEST,
    errors.WebRtcMissing: FailureKind.REQUEST,
    errors.ConfirmationRequired: FailureKind.REQUEST,
    errors.SecondFactorRequired: FailureKind.REQUEST,
    errors.SecondFactorMissing: FailureKind.REQUEST,
    errors.Conflict: FailureKind.REQUEST,
    errors.PreconditionFailed: FailureKind.REQUEST,
    errors.PreconditionMissing: FailureKind.REQUEST,
    errors.ChangedMeanwhile: FailureKind.REQUEST,
    errors.Locked: FailureKind.REQUEST,
    errors.ChecksumMismatch: FailureKind.REQUEST,
    errors.KeyReused: FailureKind.REQUEST,
    errors.QuotaReached: FailureKind.REQUEST,
    errors.StorageQuotaReached: FailureKind.REQUEST,
    errors.Cancelled: FailureKind.REQUEST,
}
"""`NoAudio` and `AudioTooLong` are the decoder's own verdicts, so a second decoder would only repeat them."""


def kind_of(error: Exception) -> FailureKind:
    """The kind of an error; of an unknown one too: the recording's, because another one may pass."""
    for known in type(error).__mro__:
        if known in KINDS:
            return KINDS[known]
    is_machine = isinstance(error, OSError) or is_out_of_memory(error)
    return FailureKind.MACHINE if is_machine else FailureKind.RECORDING


def as_appliance_error(error: Exception) -> ApplianceError | None:
    """The error with a message for people; None for an error that is a fault of the program."""
    if isinstance(error, ApplianceError):
        return error
    if isinstance(error, OSError):
        if error.errno in _DISK_ERRORS:
            return DiskFull("The disk is full. Free some space.")
        if error.errno in descriptors.EXHAUSTED:
            return Unavailable(descriptors.TOO_MANY_OPEN)
        return Unavailable("The machine reports: {reason}.", reason=error.strerror or str(error))
    return Unavailable("The machine is out of memory.") if is_out_of_memory(error) else None


def pause_seconds(retries: int, error: ApplianceError) -> float:
    """The pause before the next attempt: doubles each time; at least the error's `retry_after_seconds`."""
    growing = FIRST_PAUSE_SECONDS * 2.0 ** min(retries, 16)
    return min(LONGEST_PAUSE_SECONDS, max(growing, error.retry_after_seconds or 0.0))
