"""The languages of Whisper, by the codes it was trained with (openai/whisper, whisper/tokenizer.py)."""

from collections.abc import Mapping
from types import MappingProxyType

from whisper_appliance.core.errors import InvalidRequest

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "af": "Afrikaans",
        "sq": "Albanian",
        "am": "Amharic",
        "ar": "Arabic",
        "hy": "Armenian",
        "as": "Assamese",
        "az": "Azerbaijani",
        "ba": "Bashkir",
        "eu": "Basque",
        "be": "Belarusian",
        "bn": "Bengali",
        "bs": "Bosnian",
        "br": "Breton",
        "bg": "Bulgarian",
        "yue": "Cantonese",
        "ca": "Catalan",
        "zh": "Chinese",
        "hr": "Croatian",
        "cs": "Czech",
        "da": "Danish",
        "nl": "Dutch",
        "en": "English",
        "et": "Estonian",
        "fo": "Faroese",
        "fi": "Finnish",
        "fr": "French",
        "gl": "Galician",
        "ka": "Georgian",
        "de": "German",
        "el": "Greek",
        "gu": "Gujarati",
        "ht": "Haitian Creole",
        "ha": "Hausa",
        "haw": "Hawaiian",
        "he": "Hebrew",
        "hi": "Hindi",
        "hu": "Hungarian",
        "is": "Icelandic",
        "id": "Indonesian",
        "it": "Italian",
        "ja": "Japanese",
        "jw": "Javanese",
        "kn": "Kannada",
        "kk": "Kazakh",
        "km": "Khmer",
        "ko": "Korean",
        "lo": "Lao",
        "la": "Latin",
        "lv": "Latvian",
        "ln": "Lingala",
        "lt": "Lithuanian",
        "lb": "Luxembourgish",
        "mk": "Macedonian",
        "mg": "Malagasy",
        "ms": "Malay",
        "ml": "Malayalam",
        "mt": "Maltese",
        "mi": "Maori",
        "mr": "Marathi",
        "mn": "Mongolian",
        "my": "Myanmar",
        "ne": "Nepali",
        "no": "Norwegian",
        "nn": "Nynorsk",
        "oc": "Occitan",
        "ps": "Pashto",
        "fa": "Persian",
        "pl": "Polish",
        "pt": "Portuguese",
        "pa": "Punjabi",
        "ro": "Romanian",
        "ru": "Russian",
        "sa": "Sanskrit",
        "sr": "Serbian",
        "sn": "Shona",
        "sd": "Sindhi",
        "si": "Sinhala",
        "sk": "Slovak",
        "sl": "Slovenian",
        "so": "Somali",
        "es": "Spanish",
        "su": "Sundanese",
        "sw": "Swahili",
        "sv": "Swedish",
        "tl": "Tagalog",
        "tg": "Tajik",
        "ta": "Tamil",
        "tt": "Tatar",
        "te": "Telugu",
        "th": "Thai",
        "bo": "Tibetan",
        "tr": "Turkish",
        "tk": "Turkmen",
        "uk": "Ukrainian",
        "ur": "Urdu",
        "uz": "Uzbek",
        "vi": "Vietnamese",
        "cy": "Welsh",
        "yi": "Yiddish",
        "yo": "Yoruba",
    }
)

_BY_NAME = {
    **{name.lower(): code for code, name in LANGUAGES.items()},
    "burmese": "my",
    "valencian": "ca",
    "flemish": "nl",
    "haitian": "ht",
    "letzeburgesch": "lb",
    "pushto": "ps",
    "panjabi": "pa",
    "moldavian": "ro",
    "moldovan": "ro",
    "sinhalese": "si",
    "castilian": "es",
    "mandarin": "zh",
    "jv": "jw",  # ISO 639-1 for Javanese; Whisper was trained with the older code
    "iw": "he",
    "nb": "no",
}


def language_code(given: str) -> str | None:
    """Whisper's code for a code (`de`, `pt-BR`) or an English name (`German`); None for "auto".

    Raises `InvalidRequest` for a language that Whisper was not trained for.
    """
    name = given.strip().lower()
    if name in ("", "auto"):
        return None
    for candidate in (name, name.replace("_", "-").partition("-")[0]):
        if candidate in LANGUAGES:
            return candidate
        if candidate in _BY_NAME:
            return _BY_NAME[candidate]
    raise InvalidRequest(
        "{given!r} is not a language that Whisper knows. Give a code such as 'en' or 'de', or 'auto'.",
        given=given[:40],
        field="language",
    )


def english_name(code: str) -> str:
    """The English name of a language in lower case, as other speech servers write it; else the code."""
    return LANGUAGES.get(code, code).lower()
