"""Near misses of spelling: the terms that differ from one by one letter (Norvig, 2007)."""

MIN_CHARS = 4
MAX_CHARS = 24
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzßæøœłđ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяіє",
    "αβγδεζηθικλμνξοπρςστυφχψω",
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
)


def similar_terms(term: str) -> set[str]:
    """The terms with one letter less, more, exchanged or swapped with its neighbour; none of short ones."""
    if not MIN_CHARS <= len(term) <= MAX_CHARS:
        return set()
    alphabet = next((letters for letters in _ALPHABETS if any(letter in letters for letter in term)), "")
    parts = [(term[:place], term[place:]) for place in range(len(term) + 1)]
    similar = {left + right[1:] for left, right in parts if right}
    similar |= {left + right[1] + right[0] + right[2:] for left, right in parts if len(right) > 1}
    similar |= {left + letter + right[1:] for left, right in parts if right for letter in alphabet}
    similar |= {left + letter + right for left, right in parts for letter in alphabet}
    return similar - {term}
