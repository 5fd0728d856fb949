"""Full-text search finds the same on both databases: words, phrases, any script, near misses, best first."""

import pytest

from tests.support.clock import Clock
from tests.support.library import transcript
from whisper_appliance.library.listing import (
    ListedTranscript,
    ListFilter,
    ListRange,
    Sort,
    TranscriptList,
    TranscriptListing,
)
from whisper_appliance.library.search import matching_any, matching_numbers
from whisper_appliance.library.search_words import search_words
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.storage.database import Database
from whisper_appliance.transcript.model import Segment, Transcript, Word

TEXTS = {
    "tale": " It was the best of times, it was the worst of times.",
    "cafe": " Das Café schließt um acht. Übermorgen auch.",
    "tokyo": "吾輩は猫である。名前はまだ無い。東京都のiPhone15です。",
    "bangkok": " ภาษาไทยไม่มีช่องว่าง",
    "delhi": " हिन्दी भाषा में खोज",
    "moscow": " Ещё тот ёж.",
    "quotes": ' He texts "NEAR" AND then OR NOT. Don\'t say 3.14 or a_b.',
}


@pytest.fixture
def ids(history: TranscriptRepository) -> dict[str, str]:
    return {name: history.add(transcript(text), title=name, owner="ann") for name, text in TEXTS.items()}


@pytest.fixture
def listing(database: Database) -> TranscriptListing:
    return TranscriptListing(database)


def found(listing: TranscriptListing, words: str, sort: Sort = "newest", owner: str = "ann") -> list[str]:
    listed = listing.find(owner, ListFilter(words), sort=sort).transcripts
    return [each.summary.title for each in listed]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("worst times", {"tale"}),
        ("WORST", {"tale"}),
        ("tale", {"tale"}),  # the title
        ("tale worst", {"tale"}),  # the title and the text
        ("cafe", {"cafe"}),
        ("CAFE\u0301", {"cafe"}),
        ("schliesst", set()),
        ("ubermorgen", {"cafe"}),
        ("еще еж", {"moscow"}),
        ("猫である", {"tokyo"}),
        ("猫", {"tokyo"}),
        ("い", {"tokyo"}),
        ("都のiphone15です", {"tokyo"}),
        ("猫では", set()),
        ("東京 名前", {"tokyo"}),
        ("ไทยไม่", {"bangkok"}),
        ("हिन्दी", {"delhi"}),
        ("हिन्", {"delhi"}),  # the last word may go on
        ('"NEAR" AND', {"quotes"}),
        ("don't", {"quotes"}),
        ("3.14", {"quotes"}),
        ("a_b", {"quotes"}),
        ('"best of times"', {"tale"}),
        ("„best of times“", {"tale"}),
        ('"times best"', set()),
        ('"best of ti"', set()),
        ('"best of ti', set()),
        ("best of ti", {"tale"}),
        ("wor* tale", {"tale"}),
        ("wor tale", set()),
        ("t", {"quotes"}),  # one letter is no beginning
        ("times nowhere", set()),
        ("100%", set()),
        ("- * (", set()),
        ("x' OR '1'='1", set()),
        ("\x00", set()),
        ('"', set()),
        ("'", set()),
        ("\\ _ %", set()),
    ],
)
def test_transcripts_are_found_by_their_words(
    listing: TranscriptListing, ids: dict[str, str], words: str, names: set[str]
) -> None:
    assert set(found(listing, words)) == names


def test_search_finds_no_transcripts_of_others_nor_deleted_ones(
    listing: TranscriptListing, history: TranscriptRepository, ids: dict[str, str]
) -> None:
    assert found(listing, "worst", owner="bob") == []
    assert found(listing, "worst", owner="") == []
    history.delete(ids["tale"], "ann")
    assert found(listing, "worst") == []
    assert listing.find("ann", ListFilter("worst", deleted=True)).total == 1


def test_a_renamed_transcript_is_found_by_its_new_title(
    listing: TranscriptListing, history: TranscriptRepository, ids: dict[str, str]
) -> None:
    history.rename(ids["cafe"], "ann", "Dickens")
    assert found(listing, "dickens") == ["Dickens"]
    assert "cafe" not in found(listing, "cafe")


def test_a_purged_transcript_leaves_no_words_behind(
    listing: TranscriptListing, history: TranscriptRepository, ids: dict[str, str]
) -> None:
    history.delete(ids["tale"], "ann")
    assert history.empty_trash("ann") == 1
    assert listing.find("ann", ListFilter("worst")).total == 0
    assert listing.find("ann", ListFilter("wosrt")).suggestion is None


def test_the_best_match_comes_first(
    listing: TranscriptListing, history: TranscriptRepository, clock: Clock
) -> None:
    texts = {
        "Budget": " We talk.",
        "often": " The budget, our budget, that budget." + " More words follow." * 20,
        "once": " The budget." + " More words follow." * 20,
        "once, short": " The budget.",
        "once, newer": " The budget." + " More words follow." * 20,
    }
    for title, text in texts.items():
        history.add(transcript(text), title=title, owner="ann")
        clock.forward(minutes=1)
    best_first = ["Budget", "often", "once, short", "once, newer", "once"]
    assert found(listing, "budget", "relevance") == best_first
    assert found(listing, "budget") == ["once, newer", "once, short", "once", "often", "Budget"]


def hits_of(listing: TranscriptListing, words: str) -> ListedTranscript:
    (listed,) = listing.find("ann", ListFilter(words)).transcripts
    return listed


@pytest.mark.parametrize(("words", "hit"), [("worst", "worst"), ("猫", "猫"), ("cafe", "Café"), ("tha", "")])
def test_a_snippet_marks_the_words(
    listing: TranscriptListing, ids: dict[str, str], words: str, hit: str
) -> None:
    listed = listing.find("ann", ListFilter(words)).transcripts
    marked = [each.hits.hits[0].pieces[1] for each in listed if each.hits and each.hits.hits]
    assert marked == ([hit] if hit else [])


def spoken(*phrases: tuple[float, str]) -> Transcript:
    """A transcript in which each word lasts half a second."""
    segments = []
    for start, text in phrases:
        words = [f" {word}" for word in text.split()]
        timed = tuple(Word(start + 0.5 * n, start + 0.5 * n + 0.4, word, 0.9) for n, word in enumerate(words))
        segments.append(Segment(start, start + 0.5 * len(words), "".join(words), words=timed))
    return Transcript(tuple(segments), "en", 0.9, 100.0, "transcribe", "base", 1.0)


def test_a_hit_has_the_second_of_its_word(listing: TranscriptListing, history: TranscriptRepository) -> None:
    long = spoken((2.0, "First some words."), (30.0, "nothing of it " * 30), (90.5, "Here is the harbour."))
    history.add(long, title="t", owner="ann")
    listed = hits_of(listing, "harbour")
    assert listed.hits
    (hit,) = listed.hits.hits
    assert hit.start == 92.0
    assert hit.pieces[0].startswith("…")
    assert hit.pieces[1:] == ("harbour", ".")


def test_hits_far_apart_have_snippets_of_their_own(
    listing: TranscriptListing, history: TranscriptRepository
) -> None:
    phrases = [(60.0 * n, "the harbour and " + "many other words " * 30) for n in range(5)]
    history.add(spoken(*phrases), title="t", owner="ann")
    hits = hits_of(listing, "harbour").hits
    assert hits
    assert [round(hit.start) for hit in hits.hits] == [0, 60, 120]
    assert hits.count == 5


def test_a_speaker_is_found_by_name(listing: TranscriptListing, history: TranscriptRepository) -> None:
    segment = Segment(0.0, 1.0, " Hello.", speaker="Ada Lovelace")
    history.add(Transcript((segment,), "en", 0.9, 1.0, "transcribe", "base", 0.1), title="Talk", owner="ann")
    assert found(listing, "lovelace") == ["Talk"]


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        ("wosrt", "worst"),  # swapped
        ("wrst times", "worst times"),  # missing
        ("worsst", "worst"),  # one more
        ("birst", None),
        ("caffe", "cafe"),
        ("xyzzy", None),
        ("worst nowhere", None),
        ("tims worst", "times worst"),
    ],
)
def test_a_near_miss_suggests_the_spelling(
    listing: TranscriptListing, ids: dict[str, str], words: str, suggestion: str | None
) -> None:
    answer = listing.find("ann", ListFilter(words))
    assert (answer.total, answer.suggestion) == (0, suggestion)


def test_words_of_others_are_never_suggested(listing: TranscriptListing, ids: dict[str, str]) -> None:
    assert listing.find("bob", ListFilter("wosrt")).suggestion is None


@pytest.fixture
def varied(history: TranscriptRepository, clock: Clock) -> None:
    """Four transcripts, an hour apart."""
    for title, language, source, seconds in [
        ("Ärger", "de", "upload", 100.0),
        ("alpha", "en", "live", 10.0),
        ("Zebra", "en", "upload", 1000.0),
        ("beta", "de", "upload", 1.0),
    ]:
        made = Transcript((Segment(0.0, 1.0, " Common word."),), language, 0.9, seconds, "t", "base", 0.1)
        history.add(made, title=title, owner="ann", source=source)
        clock.forward(hours=1)


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ("newest", ["beta", "Zebra", "alpha", "Ärger"]),
        ("oldest", ["Ärger", "alpha", "Zebra", "beta"]),
        ("title", ["alpha", "Ärger", "beta", "Zebra"]),
        ("longest", ["Zebra", "Ärger", "alpha", "beta"]),
        ("shortest", ["beta", "alpha", "Ärger", "Zebra"]),
    ],
)
@pytest.mark.usefixtures("varied")
def test_the_list_is_sorted(listing: TranscriptListing, sort: Sort, titles: list[str]) -> None:
    assert found(listing, "", sort) == titles
    assert found(listing, "common", sort) == titles


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (ListFilter(language="de"), ["beta", "Ärger"]),
        (ListFilter(source="live"), ["alpha"]),
        (ListFilter(model="tiny"), []),
        (ListFilter(min_seconds=10, max_seconds=100), ["alpha", "Ärger"]),
        (ListFilter(created_from="2026-05-01T13:00:00.000Z"), ["beta", "Zebra", "alpha"]),
        (ListFilter(created_until="2026-05-01T13:00:00.000Z"), ["Ärger"]),
        (ListFilter("common", language="en"), ["Zebra", "alpha"]),
        (ListFilter(doubtful=True), []),
        (ListFilter(doubtful=False, language="de"), ["beta", "Ärger"]),
    ],
)
@pytest.mark.usefixtures("varied")
def test_the_list_is_filtered(listing: TranscriptListing, wanted: ListFilter, titles: list[str]) -> None:
    listed = listing.find("ann", wanted)
    assert [each.summary.title for each in listed.transcripts] == titles
    assert listed.total == len(titles)


def test_a_transcript_with_uncertain_words_is_doubtful(
    listing: TranscriptListing, history: TranscriptRepository
) -> None:
    words = (Word(0.0, 0.4, " sure", 0.9), Word(0.4, 0.9, " hmm", 0.2))
    made = Transcript((Segment(0.0, 1.0, " sure hmm", words=words),), "en", 0.9, 1.0, "t", "base", 0.1)
    history.add(made, title="t", owner="ann")
    assert listing.find("ann", ListFilter(doubtful=True)).total == 1


@pytest.mark.parametrize("words", ["", "common"])
@pytest.mark.usefixtures("varied")
def test_any_part_of_the_list_can_be_read(listing: TranscriptListing, words: str) -> None:
    def titles(part: ListRange) -> TranscriptList:
        return listing.find("ann", ListFilter(words), sort="title", part=part)

    middle = titles(ListRange(limit=2, offset=1))
    assert [each.summary.title for each in middle.transcripts] == ["Ärger", "beta"]
    assert middle.total == 4
    assert titles(ListRange(offset=10)).transcripts == ()


def test_postgresql_looks_words_up_in_the_index(database: Database, history: TranscriptRepository) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has another index")
    for number in range(60):
        history.add(transcript(f" Word {number}, and words of all."), title="many", owner="ann")
    for words in (matching_numbers(search_words("word 7"), sqlite=False), matching_any(["7"], sqlite=False)):
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE search_documents")
            query = words.compile(connection, compile_kwargs={"literal_binds": True})
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {query}").scalars())
        assert "Index Scan on transcript_terms" in plan
