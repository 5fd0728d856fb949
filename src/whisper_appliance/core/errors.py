"""The one tree of errors. Each message says what happened and what to do; no HTTP in here."""

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
        **params: object,
    ) -> None:
        """`message` is English and a message id of the translations; `params` fill in its `{placeholders}`.

        `field` names the wrong input; `retry_after_seconds` is when another try may succeed.
        """
        self.template = message
        self.params = params
        self.message = self.format(str)
        super().__init__(self.message)
        self.field = field
        self.retry_after_seconds = retry_after_seconds

    def format(self, translate: Callable[[str], str]) -> str:
        """The message in another language; a param that is an error itself is translated too."""
        text = translate(self.template)
        if not self.params:
            return text
        return text.format(
            **{
                name: value.format(translate) if isinstance(value, ApplianceError) else value
                for name, value in self.params.items()
            }
        )


class InvalidRequest(ApplianceError):
    """An option or a body that cannot be used."""

    code = "invalid_request"


class NotAllowed(ApplianceError):
    """The caller may not do this."""

    code = "not_allowed"


class SignInRequired(ApplianceError):
    """Only somebody with an account may do this, and nobody is signed in."""

    code = "sign_in_required"


class SignInFailed(SignInRequired):
    """A name and a password that do not go together."""

    code = "sign_in_failed"


class NotFound(ApplianceError):
    """No such thing, or not one the caller may see."""

    code = "not_found"


class Conflict(ApplianceError):
    """The thing is not in a state in which this can be done."""

    code = "conflict"


class KeyReused(ApplianceError):
    """The key of a request was used for another one."""

    code = "idempotency_key_reused"


class TooLarge(ApplianceError):
    """More bytes than the limit."""

    code = "too_large"


class UnsupportedMedia(ApplianceError):
    """A kind of file that is not taken."""

    code = "unsupported_media"


class AudioError(ApplianceError):
    """The file was taken but holds nothing that can be transcribed."""

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
    """Somebody has used what they may use in this month."""

    code = "quota_reached"


class Unavailable(ApplianceError):
    """The appliance cannot do this now."""

    code = "unavailable"


class ModelUnavailable(Unavailable):
    """The model is not on this machine, is damaged, or could not be loaded."""

    code = "model_unavailable"


class EngineFailed(Unavailable):
    """The engine's process ended or raised while it worked on a window."""

    code = "engine_failed"


class DiskFull(ApplianceError):
    """Not enough free space to accept more."""

    code = "disk_full"


class StorageQuotaReached(DiskFull):
    """Somebody keeps as much as they may keep."""

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
