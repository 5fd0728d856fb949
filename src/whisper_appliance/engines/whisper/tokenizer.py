"""Whisper's tokenizer: text to tokens and back, special tokens, words, the decoder's prompt.

As in openai/whisper, `tokenizer.py`, over a model's `tokenizer.json` (the library `tokenizers`).
"""

import string
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from whisper_appliance.engines.contract import Options
from whisper_appliance.transcript.languages import LANGUAGES

if TYPE_CHECKING:
    from tokenizers import Tokenizer as TokenizerFile

# Written without spaces between words: a word is whatever decodes to whole characters.
UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
REPLACEMENT = "\ufffd"
_SYMBOLS = [
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *["<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))"],
    *["[[", "]]", "{{", "}}", "♪♪", "♪♪♪"],
]
_MUSIC = "♩♪♫♬♭♮♯"
"""Possibly several tokens each; the first one alone stands for symbols that nobody speaks."""


class WhisperTokenizer:
    """The tokenizer for one language and task."""

    def __init__(self, file: "TokenizerFile", *, multilingual: bool, task: str, language: str) -> None:
        """Raises `ValueError` for a language that Whisper does not have."""
        self._file = file
        self.language_code = language if multilingual else "en"
        self.sot_sequence: list[int] = [self.sot]
        if multilingual:
            if language not in LANGUAGES:
                raise ValueError(f"Whisper has no language {language}.")
            ids = (file.token_to_id(f"<|{name}|>") for name in (language, task))
            self.sot_sequence += [number for number in ids if number is not None]

    @cached_property
    def sot(self) -> int:
        """Start of transcript."""
        return self._id("startoftranscript")

    @cached_property
    def sot_prev(self) -> int:
        """Start of the text before this window."""
        return self._id("startofprev")

    @cached_property
    def eot(self) -> int:
        """End of text; all tokens below it are text."""
        return self._id("endoftext")

    @cached_property
    def timestamp_begin(self) -> int:
        """The timestamp 0.00 s; each token above it is 0.02 s later."""
        return self._id("notimestamps") + 1

    @cached_property
    def suppressed_tokens(self) -> tuple[int, ...]:
        """The tokens that a transcript never has: tasks, symbols, music, speaker tags."""
        special = ("transcribe", "translate", "startoftranscript", "startofprev", "startoflm")
        speech = self._file.token_to_id("<|nospeech|>") or self._id("nocaptions")
        return tuple(sorted({*self._non_speech(), *map(self._id, special), speech}))

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(self._file.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of the tokens; special ones and timestamps are left out."""
        return str(self._file.decode([token for token in tokens if token < self.eot]))

    def prompt(self, options: Options, previous: Sequence[int], max_tokens: int) -> list[int]:
        """The decoder's prompt: hot words, prompt and previous tokens, then language and task.

        `max_tokens` is the decoder's context; hot words and previous text take at most half of it each.
        """
        half = max_tokens // 2 - 1
        given = self.encode(" " + options.prompt.strip()) if options.prompt else []
        before = [*given, *previous]
        hotwords = self.encode(" " + options.hotwords.strip())[:half] if options.hotwords else []
        start = [self.sot_prev] if before or options.hotwords else []
        return [*start, *hotwords, *before[-half:], *self.sot_sequence]

    def split_to_words(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """(word, its tokens) in order; a word has its leading space."""
        characters = self._split_at_characters(tokens)
        if self.language_code in UNSPACED_LANGUAGES:
            return characters
        words: list[tuple[str, list[int]]] = []
        for text, part in characters:
            starts = part[0] >= self.eot or text.startswith(" ") or text.strip() in string.punctuation
            if starts or not words:
                words.append((text, part))
            else:
                before, its_tokens = words[-1]
                words[-1] = before + text, its_tokens + part
        return words

    def _split_at_characters(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The shortest runs of tokens that decode to whole characters (a token may end inside of one)."""
        whole: str = self._file.decode(list(tokens))
        runs: list[tuple[str, list[int]]] = []
        run: list[int] = []
        offset = 0
        for token in tokens:
            run.append(token)
            text: str = self._file.decode(run)
            at = text.find(REPLACEMENT)
            if at < 0 or whole[offset + at : offset + at + 1] == REPLACEMENT:
                runs.append((text, run))
                offset += len(text)
                run = []
        return runs

    def _id(self, name: str) -> int:
        number = self._file.token_to_id(f"<|{name}|>")
        if number is None:
            raise ValueError(f"The model's tokenizer has no <|{name}|>.")
        return int(number)

    def _non_speech(self) -> set[int]:
        # Hyphens and single quotes are wanted within words, not before one.
        tokens = {self.encode(" -")[0], self.encode(" '")[0]}
        for symbol in [*_SYMBOLS, *_MUSIC]:
            for encoded in (self.encode(symbol), self.encode(" " + symbol)):
                if len(encoded) == 1 or symbol in _MUSIC:
                    tokens.add(encoded[0])
        return tokens
