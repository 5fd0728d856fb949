"""Media formats: the one table that feeds the decoder's whitelists, the file picker, docs and error texts.

The content decides which format a file has. The extension is a hint, for formats without a header only.
"""

from dataclasses import dataclass

from whisper_appliance.core.i18n import N_

HEAD_BYTES = 4096
"""How much of the start of a file the functions of this module need."""


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """A container or raw stream that the decoder reads; `demuxers` and `codecs` are FFmpeg's names.

    `raw`: it has no header, so the extension is the only hint. `options` are those of its demuxer.
    """

    name: str
    extensions: tuple[str, ...]
    demuxers: tuple[str, ...]
    raw: bool = False
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableFormat:
    """A format that cannot be read: the bytes that identify it (offset and value), and the way out."""

    name: str
    signatures: tuple[tuple[int, bytes], ...]
    anywhere: tuple[bytes, ...] = ()
    way_out: str = ""


_PCM_16_KHZ = (("sample_rate", "16000"),)
_TELEPHONE = (("sample_rate", "8000"),)
FORMATS = (
    MediaFormat("WAV", ("wav", "wave", "rf64", "bwf"), ("wav",)),
    MediaFormat("Wave64", ("w64",), ("w64",)),
    MediaFormat("AIFF", ("aif", "aifc", "aiff"), ("aiff",)),
    MediaFormat("AU", ("au", "snd"), ("au",)),
    MediaFormat("CAF", ("caf",), ("caf",)),
    MediaFormat("VOC", ("voc",), ("voc",)),
    MediaFormat("FLAC", ("flac",), ("flac",)),
    MediaFormat("WavPack", ("wv",), ("wv",)),
    MediaFormat("TTA", ("tta",), ("tta",)),
    MediaFormat("DSF", ("dsf",), ("dsf",)),
    MediaFormat("MP3", ("mp3", "mp2", "mpga", "mpeg"), ("mp3",)),
    MediaFormat("AAC", ("aac",), ("aac",)),
    MediaFormat("LATM", ("latm", "loas"), ("loas",)),
    MediaFormat("AC-3", ("ac3", "eac3"), ("ac3", "eac3")),
    MediaFormat("DTS", ("dts",), ("dts",)),
    MediaFormat("AMR", ("amr", "awb"), ("amr",)),
    MediaFormat("Ogg", ("ogg", "oga", "ogv", "opus", "spx"), ("ogg",)),
    MediaFormat(
        "MP4",
        ("m4a", "m4b", "m4v", "mp4", "mov", "3gp", "3g2", "3ga"),
        ("mov", "mp4", "m4a", "3gp", "3g2", "mj2"),
    ),
    MediaFormat("Matroska", ("mka", "mkv", "webm"), ("matroska", "webm")),
    MediaFormat("NUT", ("nut",), ("nut",)),
    MediaFormat("MPEG-TS", ("ts", "mts", "m2ts"), ("mpegts",)),
    MediaFormat("MPEG-PS", ("mpg", "vob"), ("mpeg",)),
    MediaFormat("AVI", ("avi",), ("avi",)),
    MediaFormat("Flash Video", ("flv",), ("flv",)),
    MediaFormat("Windows Media", ("wma", "wmv", "asf"), ("asf",)),
    MediaFormat("DSS", ("dss",), ("dss",)),
    MediaFormat("GSM 06.10", ("gsm",), ("gsm",), raw=True),
    MediaFormat("G.722", ("g722",), ("g722",), raw=True),
    MediaFormat("AMR-NB", ("amrnb",), ("amrnb",), raw=True),
    MediaFormat("AMR-WB", ("amrwb",), ("amrwb",), raw=True),
    MediaFormat("A-law", ("al", "alaw"), ("alaw",), raw=True, options=_TELEPHONE),
    MediaFormat("PCM 16 kHz", ("s16le",), ("s16le",), raw=True, options=_PCM_16_KHZ),
    MediaFormat("µ-law", ("ul", "ulaw", "mulaw"), ("mulaw",), raw=True, options=_TELEPHONE),
)
CODECS = (
    "aac,aac_fixed,aac_latm,ac3,eac3,adpcm_ima_oki,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_sbpro_2,"
    "adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,adpcm_yamaha,alac,amrnb,amrwb,atrac3,cook,dca,dsd_lsbf,"
    "dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,dss_sp,evrc,flac,g722,g723_1,g726,g726le,"
    "gsm,gsm_ms,ilbc,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,"
    "pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,"
    "pcm_s32be,pcm_s32le,pcm_s64be,pcm_s64le,pcm_s8,pcm_u8,qcelp,qdm2,real_144,real_288,s302m,sipr,speex,"
    "truehd,truespeech,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
DEMUXERS = ",".join(name for one in FORMATS for name in one.demuxers if not one.raw) + ",gsm"
"""The formats that FFmpeg detects by content; of the raw ones GSM can be, by its frames."""
EXTENSIONS = tuple(sorted(extension for one in FORMATS for extension in one.extensions))
FILE_PICKER = ",".join(["audio/*", "video/*", *(f".{extension}" for extension in EXTENSIONS)])
"""The `accept` of a file input."""

_SAVE_ELSEWHERE = N_("Open it in the program of the recorder, and save it as WAV, MP3 or WMA.")
_UNPROTECTED = N_("Get the recording without copy protection, as MP3, M4A or WAV.")
PROTECTED_MP4 = "M4P (iTunes)"
UNREADABLE = (
    UnreadableFormat(
        "DS2 (DSS Pro)",
        ((0, b"\x03ds2"), (0, b"\x01ds2"), (0, b"\x07ds2"), (0, b"\x03enc"), (0, b"\x01enc")),
        way_out=_SAVE_ELSEWHERE,
    ),
    UnreadableFormat("MSV/DVF (Sony)", ((0, b"MS_VOICE"),), way_out=_SAVE_ELSEWHERE),
    UnreadableFormat(
        "AAX (Audible)",
        ((8, b"aax "), (8, b"aaxc"), (4, b"\x57\x90\x75\x36")),
        way_out=_UNPROTECTED,
    ),
    UnreadableFormat(PROTECTED_MP4, ((8, b"M4P "),), (b"drmsesds", b"drmi"), way_out=_UNPROTECTED),
    UnreadableFormat(
        "WMA (DRM)",
        (),
        (
            bytes.fromhex("FBB3112223BDD211B4B700A0C955FC6E"),
            bytes.fromhex("14E68A292226174CB935DAE07EE9289C"),
        ),
        way_out=_UNPROTECTED,
    ),
)
_ASF = bytes.fromhex("3026B2758E66CF11")
_MAGIC = (
    (0, b"RIFF RIFX RF64 BW64 FORM fLaC OggS ID3 .snd wvpk #!AMR caff riff TTA1 DSD".split()),
    (0, [_ASF, b"\x1aE\xdf\xa3", b"\x02dss", b"\x03dss", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\x0bw"]),
    (0, [b"Creative Voice File\x1a", b"V\xe0", b"V\xe1", b"FLV\x01", b"\0\0\x01\xba", b"nut/multimedia"]),
    (0, [b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8"]),
    (4, b"ftyp moov mdat free skip wide pnot styp sidx moof".split()),
)


def has_header(head: bytes) -> bool:
    """Whether the start of a file is that of a format with a header."""
    return any(head.startswith(tuple(values), offset) for offset, values in _MAGIC)


def raw_format(extension: str, head: bytes) -> MediaFormat | None:
    """The format without a header that the extension names, unless the content has a header."""
    if has_header(head):
        return None
    return next((one for one in FORMATS if one.raw and extension in one.extensions), None)


def unreadable_format(head: bytes) -> UnreadableFormat | None:
    """The unreadable format that the start of a file shows, or None."""
    boxed = head.startswith(_ASF) or head[4:8] == b"ftyp"
    for one in UNREADABLE:
        if any(head.startswith(value, offset) for offset, value in one.signatures):
            return one
        if boxed and any(value in head for value in one.anywhere):
            return one
    return None
