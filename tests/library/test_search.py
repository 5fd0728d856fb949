"""Full-text search finds words in text and title, in any script, for any input."""

import pytest

from tests.support.library import transcript
from whisper_appliance.library.transcripts import TranscriptRepository


@pytest.fixture
def ids(history: TranscriptRepository) -> dict[str, str]:
    texts = {
        "tale": " It was the best of times, it was the worst of times.",
        "cafe": " Das Café schließt um acht.",
        "tokyo": "吾輩は猫である。名前はまだ無い。",
        "quotes": ' He texts "NEAR" AND then OR NOT.',
    }
    return {name: history.add(transcript(text), title=name, owner="ann") for name, text in texts.items()}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("worst times", {"tale"}),
        ("WORST", {"tale"}),
        ("tale", {"tale"}),  # the title
        ("猫である", {"tokyo"}),
        ("猫", {"tokyo"}),
        ('"NEAR" AND', {"quotes"}),
        ("times nowhere", set()),
        ("100%", set()),
        ("- * (", set()),
        ("x' OR '1'='1", set()),
        ("\x00", set()),
    ],
)
def test_transcripts_are_found_by_their_words(
    history: TranscriptRepository, ids: dict[str, str], words: str, names: set[str]
) -> None:
    assert {entry.id for entry in history.page("ann", words=words).summaries} == {ids[name] for name in names}


@pytest.mark.parametrize(("words", "hit"), [("worst", "worst"), ("猫", "猫")])
def test_a_snippet_marks_the_words(
    history: TranscriptRepository, ids: dict[str, str], words: str, hit: str
) -> None:
    ((_, snippet),) = history.snippets(list(ids.values()), words).items()
    assert snippet[1::2] == (hit,)
    assert "times" in "".join(snippet) or "である" in "".join(snippet)


def test_without_search_words_there_is_no_snippet(history: TranscriptRepository, ids: dict[str, str]) -> None:
    assert history.snippets(list(ids.values()), " - ") == {}
    assert history.snippets([], "worst") == {}


def test_search_finds_no_transcripts_of_others_nor_deleted_ones(
    history: TranscriptRepository, ids: dict[str, str]
) -> None:
    assert history.page("bob", words="worst").summaries == ()
    history.delete(ids["tale"], "ann")
    assert history.page("ann", words="worst").summaries == ()


def test_a_renamed_transcript_is_found_by_its_new_title(
    history: TranscriptRepository, ids: dict[str, str]
) -> None:
    history.rename(ids["cafe"], "ann", "Dickens")
    assert [entry.id for entry in history.page("ann", words="dickens").summaries] == [ids["cafe"]]
    assert history.page("ann", words="cafe zzz").summaries == ()
