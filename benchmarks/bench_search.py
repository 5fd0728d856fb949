"""Search in a large library, and its memory: `python -m benchmarks.bench_search`; PostgreSQL by URL."""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa

from whisper_appliance.core.clock import written
from whisper_appliance.core.ids import new_id
from whisper_appliance.library.listing import ListFilter, ListRange, Sort, TranscriptListing
from whisper_appliance.library.transcript_rows import NewTranscript, insert
from whisper_appliance.storage import migrations
from whisper_appliance.storage.database import Database
from whisper_appliance.storage.schema.library import search_documents, transcripts
from whisper_appliance.transcript.model import Segment, Transcript, Word

OWNER = "0" * 32
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "an", "er")]
WORDS_PER_SEGMENT = 12
ROUNDS = 5


@dataclass(frozen=True)
class Query:
    """A question to the library."""

    name: str
    wanted: ListFilter
    sort: Sort = "newest"
    offset: int = 0


QUERIES = (
    Query("first page", ListFilter()),
    Query("row 90,000 by title", ListFilter(), "title", 90_000),
    Query("one language, long ones", ListFilter(language="de", min_seconds=300), "longest"),
    Query("rare word", ListFilter("needle"), "relevance"),
    Query("frequent word", ListFilter("word0"), "relevance"),
    Query("frequent word, by date", ListFilter("word0")),
    Query("two frequent words", ListFilter("word0 word1"), "relevance"),
    Query("beginning of a word", ListFilter("ba"), "relevance"),
    Query("phrase", ListFilter('"needle in haystack"'), "relevance"),
    Query("phrase of frequent words", ListFilter('"word0 word1"'), "relevance"),
    Query("word and filters", ListFilter("word2", language="en", min_seconds=60), "relevance"),
    Query("Japanese", ListFilter("東京都"), "relevance"),
    Query("near miss", ListFilter("needel")),
)


def main() -> None:
    """Fills a database and prints how long each question takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_search", description=__doc__)
    parser.add_argument("--transcripts", type=int, default=100_000)
    parser.add_argument(
        "--different", type=int, help="make so many, and copy them, which takes a tenth of the time"
    )
    parser.add_argument("--words", type=int, default=300, help="words of a transcript, on average")
    parser.add_argument("--work", type=Path, help="where the SQLite file goes")
    parser.add_argument("--database", help="URL of an empty PostgreSQL database, instead of SQLite")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-search-", dir=arguments.work) as folder,
        closing(Database.in_folder(Path(folder), arguments.database)) as database,
    ):
        migrations.upgrade(database)
        _fill(database, arguments.different or arguments.transcripts, arguments.words)
        _copy(database, arguments.different or arguments.transcripts, arguments.transcripts)
        before = _memory_megabytes()
        _report(database)
        print(f"memory: {before:.0f} MB before the questions, {_memory_megabytes():.0f} MB after them")


def _memory_megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def _fill(database: Database, count: int, words: int) -> None:
    chance = random.Random(1)
    vocabulary = _vocabulary(chance)
    started = time.monotonic()
    made = iter(_transcripts(chance, vocabulary, count, words))
    done = 0
    while batch := [each for _, each in zip(range(1000), made, strict=False)]:
        with database.write() as connection:
            for transcript, new in batch:
                insert(connection, transcript, new)
        done += len(batch)
        print(f"\r{done} transcripts after {time.monotonic() - started:.0f} s", end="", flush=True)
    print()


def _copy(database: Database, different: int, count: int) -> None:
    """Copies the first transcripts, with ids of their own, until there are so many."""
    new_id_sql = sa.func.lower(sa.func.hex(sa.func.randomblob(16)))
    if not database.is_sqlite:
        new_id_sql = sa.func.replace(sa.cast(sa.func.gen_random_uuid(), sa.Text), "-", "")
    for behind in range(different, count, different):
        with database.write() as connection:
            for table, number in ((transcripts, "number"), (search_documents, "transcript_number")):
                new = {number: table.c[number] + behind, "id": new_id_sql}
                copied = [new.get(column.name, column) for column in table.columns]
                first = sa.select(*copied).where(table.c[number] <= min(different, count - behind))
                connection.execute(table.insert().from_select(list(table.columns), first))
        print(f"\r{min(count, behind + different)} transcripts", end="", flush=True)
    if not database.is_sqlite:
        with database.write() as connection:
            connection.execute(sa.text("ANALYZE"))  # as PostgreSQL does by itself, a minute later
    print()


def _vocabulary(chance: random.Random) -> list[str]:
    made = {"".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(30_000)}
    return [f"word{rank}" for rank in range(100)] + sorted(made)


def _transcripts(
    chance: random.Random, vocabulary: list[str], count: int, words: int
) -> Iterator[tuple[Transcript, NewTranscript]]:
    weights = [1 / (rank + 2) for rank in range(len(vocabulary))]
    pool = chance.choices(vocabulary, weights, k=500_000)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(count):
        length = max(10, int(chance.expovariate(1 / words)))
        place = chance.randrange(len(pool) - length) if length < len(pool) else 0
        said = pool[place : place + length]
        if number % 1000 == 0:
            said[5:5] = ["needle", "in", "haystack"]
        if number % 50 == 0:
            said.append("東京都の天気です")
        title = " ".join(chance.choices(vocabulary, k=3)).title()
        created = written(start + timedelta(minutes=30 * number))
        yield (
            _transcript(said, "de" if number % 3 else "en"),
            NewTranscript(new_id(), OWNER, title, "upload", created),
        )


def _transcript(said: list[str], language: str) -> Transcript:
    segments: list[Segment] = []
    for first in range(0, len(said), WORDS_PER_SEGMENT):
        words = tuple(
            Word((first + n) * 0.4, (first + n) * 0.4 + 0.3, f" {word}", 0.9)
            for n, word in enumerate(said[first : first + WORDS_PER_SEGMENT])
        )
        text = "".join(word.word for word in words)
        segments.append(Segment(words[0].start, words[-1].end, text, words=words))
    return Transcript(tuple(segments), language, 0.9, len(said) * 0.4, "transcribe", "base", 1.0)


def _report(database: Database) -> None:
    listing = TranscriptListing(database)
    print(f"{'question':28} {'matches':>8} {'median ms':>10} {'worst ms':>9} {'own CPU ms':>11}")
    for query in QUERIES:
        seconds, computed = [], []
        for _ in range(ROUNDS):
            started, began = time.perf_counter(), time.process_time()
            answer = listing.find(OWNER, query.wanted, sort=query.sort, part=ListRange(offset=query.offset))
            seconds.append(time.perf_counter() - started)
            computed.append(time.process_time() - began)
        total = f"{answer.total}{'+' if answer.more else ''}"
        median, worst, cpu = (
            1000 * each for each in (statistics.median(seconds), max(seconds), statistics.median(computed))
        )
        print(f"{query.name:28} {total:>8} {median:10.1f} {worst:9.1f} {cpu:11.1f}")


if __name__ == "__main__":
    main()
