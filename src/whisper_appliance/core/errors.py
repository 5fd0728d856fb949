"""All errors in one tree. A message states what happened and what to do; `web.errors` maps them to HTTP."""

from collections.abc import Callable


class ApplianceError(Exception):
    """An error with a message for people and a stable, machine-readable `code`."""

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        retry_after_seconds: float | None = None,
        limit_name: str = "",
        **params: object,
    ) -> None:
        """`message` is English and a message id of the translations; `params` fill in its `{placeholders}`.

        `field` names the wrong input; `retry_after_seconds` is when another try may succeed. `limit_name` is
        the limit that refused it (`monitoring.limits`), to be counted where the error is answered.
        """
        self.template = message
        self.params = params
        self.message = self.format(str)
        super().__init__(self.message)
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.limit_name = limit_name

    def format(self, translate: Callable[[str], str]) -> str:
        """The message in another language; so are params that are errors, or more than a word."""
        text = translate(self.template)
        if not self.params:
            return text
        return text.format(**{name: _translated(value, translate) for name, value in self.params.items()})


def _translated(value: object, translate: Callable[[str], str]) -> object:
    if isinstance(value, ApplianceError):
        return value.format(translate)
    return translate(value) if isinstance(value, str) and " " in value else value


class InvalidRequest(ApplianceError):
    """An option or a body that cannot be used."""

    code = "invalid_request"


class NotAllowed(ApplianceError):
    """The caller may not do this."""

    code = "not_allowed"


class WrongHost(ApplianceError):
    """The request is for a host name that is not this appliance's."""

    code = "wrong_host"


class ConfirmationRequired(NotAllowed):
    """A dangerous action, and the user of the session was not confirmed lately."""

    code = "confirmation_required"


class SecondFactorMissing(NotAllowed):
    """The user must have a second factor, and has to set it up first."""

    code = "second_factor_missing"


class SignInRequired(ApplianceError):
    """This needs an account, and nobody is signed in."""

    code = "sign_in_required"


class SignInFailed(SignInRequired):
    """Wrong name or password."""

    code = "sign_in_failed"


class SecondFactorRequired(SignInRequired):
    """The password is right, and a code is needed besides."""

    code = "second_factor_required"


class NotFound(ApplianceError):
    """The resource does not exist, or the caller may not see it."""

    code = "not_found"


class WebRtcMissing(NotFound):
    """The library for WebRTC is not installed."""

    code = "webrtc_missing"


class Conflict(ApplianceError):
    """The state of the resource does not allow this."""

    code = "conflict"


class PreconditionFailed(ApplianceError):
    """The resource has another version than the request requires."""

    code = "precondition_failed"


class ChangedMeanwhile(PreconditionFailed):
    """The resource was changed after the caller read it."""

    code = "changed_meanwhile"


class PreconditionMissing(ApplianceError):
    """The request does not name the version that it changes."""

    code = "precondition_required"


class KeyReused(ApplianceError):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"


class TooLarge(ApplianceError):
    """More bytes than the limit."""

    code = "too_large"


class Locked(Conflict):
    """Another request works on the resource; trying again soon helps."""

    code = "locked"


class ChecksumMismatch(ApplianceError):
    """The bytes that arrived are not those that were sent."""

    code = "checksum_mismatch"


class UnsupportedMedia(ApplianceError):
    """A media type that is not accepted."""

    code = "unsupported_media"


class AudioError(ApplianceError):
    """The file was accepted but holds nothing to transcribe."""

    code = "undecodable"


class Undecodable(AudioError):
    """Not audio, or too damaged to read."""

    code = "undecodable"


class NoAudio(AudioError):
    """A readable container without a single sample of audio."""

    code = "no_audio"


class AudioTooLong(AudioError):
    """More audio than the limit."""

    code = "audio_too_long"


class DecoderLimit(AudioError):
    """The decoder was stopped because it used more time, memory or disk than it may."""

    code = "decoder_limit"


class Busy(ApplianceError):
    """A limit on waiting work is reached; trying later helps."""

    code = "busy"


class QuotaReached(Busy):
    """The monthly quota of an account or visitor is used up."""

    code = "quota_reached"


class Unavailable(ApplianceError):
    """The appliance cannot do this now."""

    code = "unavailable"


class ModelUnavailable(Unavailable):
    """The model is not on this machine, is damaged, or could not be loaded."""

    code = "model_unavailable"


class ModelDownloading(ModelUnavailable):
    """The model is being downloaded, and can be used when it is here."""

    code = "model_unavailable"


class EngineFailed(Unavailable):
    """The engine's process ended or raised while it worked on a window."""

    code = "engine_failed"


class DecoderKilled(Unavailable):
    """The decoder's process was killed from outside, usually because the machine ran out of memory."""

    code = "decoder_killed"


class DiskFull(ApplianceError):
    """Not enough free space to accept more."""

    code = "disk_full"


class StorageQuotaReached(DiskFull):
    """The storage quota of an account or visitor is used up."""

    code = "storage_quota_reached"


class Cancelled(ApplianceError):
    """The work was cancelled before it ended."""

    code = "cancelled"


class BadSetting(ApplianceError):
    """A setting has a value that cannot be used; the start is stopped."""

    code = "bad_setting"


class AlreadyRunning(ApplianceError):
    """Another process uses the same data folder or port."""

    code = "already_running"


class DatabaseDamaged(ApplianceError):
    """The database file cannot be read."""

    code = "database_damaged"
