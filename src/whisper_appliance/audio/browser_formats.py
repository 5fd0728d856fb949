"""Which recordings browsers can play as they are: all of the big browsers, with exact seeking."""

from dataclasses import dataclass

_PCM = frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"})
_MP4, _MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
# AAC without a container has no index, so browsers guess where to seek; ALAC, AC-3 and AMR play in few.
_AUDIO_TYPES: dict[str, tuple[str, frozenset[str]]] = {
    "wav": ("wav", _PCM),
    "mp3": ("mpeg", frozenset({"mp3", "mp3float"})),
    "flac": ("flac", frozenset({"flac"})),
    "ogg": ("ogg", frozenset({"opus", "vorbis", "flac"})),
    _MP4: ("mp4", frozenset({"aac", "mp3", "mp3float", "flac", "opus"})),
    _MATROSKA: ("webm", frozenset({"opus", "vorbis"})),
}
_VIDEO_CODECS = {
    _MP4: frozenset({"h264", "av1", "vp9", "libdav1d"}),
    _MATROSKA: frozenset({"vp8", "vp9", "av1", "libvpx-vp9", "libdav1d"}),
}


@dataclass(frozen=True, slots=True)
class Media:
    """What a file is, in FFmpeg's names. `video_codec` is empty without pictures that move.

    `plain`: the sound is the whole of the file's first track, and its length stands in the header.
    """

    container: str
    codec: str
    video_codec: str = ""
    plain: bool = True


def browser_type(media: Media) -> str:
    """The media type under which browsers play the file; empty if some of them cannot."""
    kind, codecs = _AUDIO_TYPES.get(media.container, ("", frozenset()))
    if media.codec not in codecs or not media.plain:
        return ""
    if not media.video_codec:
        return f"audio/{kind}"
    return f"video/{kind}" if media.video_codec in _VIDEO_CODECS.get(media.container, ()) else ""
