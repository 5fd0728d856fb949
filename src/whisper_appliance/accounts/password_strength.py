"""Password strength by zxcvbn (Wheeler, USENIX Security 2016): the guesses that an attacker needs."""

import re
import threading
import unicodedata

MIN_GUESSES = 10**10
"""zxcvbn's score 4: out of reach of an offline attack on a slow hash such as argon2id."""
MAX_ESTIMATED_CHARS = 72
"""Only the beginning of a longer password counts, because the estimate takes quadratic time."""
COMMON_HERE = (
    "whisper", "appliance", "whisper appliance", "whisper-appliance", "whisperappliance",
    "correct horse battery staple", "correcthorsebatterystaple",
    "passwort", "kennwort", "geheim", "willkommen", "hallo", "ichliebedich",
    "schatz", "liebe", "sommer", "winter", "herbst", "contraseña", "motdepasse", "azerty", "qwertz",
)  # fmt: skip
"""Guessable here, but missing in zxcvbn's English word lists."""

_lock = threading.Lock()
"""zxcvbn stores `user_inputs` in a global dictionary, so two threads must not call it at once."""


def is_weak(password: str, name: str = "") -> bool:
    """Whether an attacker who knows the user's `name` needs fewer than `MIN_GUESSES` guesses."""
    # zxcvbn and its word lists take 14 MiB and 0.2 s to import, so only processes that set passwords load it.
    from zxcvbn import zxcvbn

    folded = unicodedata.normalize("NFKC", name).casefold()
    inputs = [*COMMON_HERE, folded, *(part for part in re.split(r"\W+", folded) if part)]
    with _lock:
        estimate = zxcvbn(password[:MAX_ESTIMATED_CHARS], user_inputs=inputs)
    return int(estimate["guesses"]) < MIN_GUESSES
