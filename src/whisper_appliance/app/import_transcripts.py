"""Imports transcripts that were made elsewhere: one file, or an archive with many."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from whisper_appliance.core.errors import ApplianceError, InvalidRequest, TooLarge
from whisper_appliance.library.chapters import Chapters
from whisper_appliance.library.notes import MAX_NOTE_CHARS, MAX_NOTES_PER_TRANSCRIPT, Notes
from whisper_appliance.library.transcript_rows import clean_title, title_from_file_name
from whisper_appliance.library.transcripts import TranscriptRepository
from whisper_appliance.transcript.imports import EXTENSIONS, MAX_BYTES, read_transcript
from whisper_appliance.transcript.model import Note

SOURCE = "import"
MAX_ARCHIVE_FILES = 20_000


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one file: the id of its transcript, or the error."""

    name: str
    id: str = ""
    error: ApplianceError | None = None


class ImportTranscripts:
    """The use case "import transcripts"."""

    def __init__(
        self,
        transcripts: TranscriptRepository,
        notes: Notes,
        chapters: Chapters,
        check_storage: Callable[[str, int], None] = lambda _o, _b: None,
    ) -> None:
        """`check_storage` raises an error for more bytes than an owner may store."""
        self._check_storage = check_storage
        self._transcripts = transcripts
        self._notes = notes
        self._chapters = chapters

    def import_file(
        self, path: Path, filename: str, owner: str, owner_name: str = ""
    ) -> Iterator[ImportedFile]:
        """Imports a file, or the JSON and the subtitles in a ZIP archive; yields each when it is stored.

        All notes become the owner's; those of others than `owner_name` begin with their names.
        Raises `InvalidRequest` for an archive that cannot be read. An error of a file is in its result.
        """
        if filename.lower().endswith(".zip"):
            yield from self._import_archive(path, owner, owner_name)
        else:
            yield self._attempt(filename, lambda: _read(path), owner, owner_name)

    def _import_archive(self, path: Path, owner: str, owner_name: str) -> Iterator[ImportedFile]:
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in _entries(archive):
                    yield self._attempt(entry.filename, _reader(archive, entry), owner, owner_name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # damaged, odd, encrypted
            raise InvalidRequest("This archive cannot be read.", field="file") from error

    def _attempt(self, name: str, read: Callable[[], bytes], owner: str, owner_name: str) -> ImportedFile:
        short = PurePath(name.replace("\\", "/")).name
        try:
            data = read()
            self._check_storage(owner, len(data))
            imported = read_transcript(data, short)
            made = self._transcripts.add(
                imported.transcript,
                title=clean_title(imported.title) or title_from_file_name(short),
                owner=owner,
                source=SOURCE,
                created=imported.created,
            )
            self._add_notes(made, imported.notes, owner, owner_name)
            if imported.chapters is not None:
                with suppress(InvalidRequest):  # of another program, which has more of them, or longer titles
                    self._chapters.replace(made, imported.chapters, seen=None)
        except ApplianceError as error:
            return ImportedFile(short, error=error)
        return ImportedFile(short, made)

    def _add_notes(self, transcript_id: str, notes: Sequence[Note], owner: str, owner_name: str) -> None:
        for note in notes[:MAX_NOTES_PER_TRANSCRIPT]:
            is_of_another = note.author and note.author != owner_name
            text = f"{note.author}: {note.text}" if is_of_another else note.text
            with suppress(InvalidRequest):  # one without visible characters
                self._notes.add(transcript_id, note.start, text[:MAX_NOTE_CHARS], author=owner)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise _too_large()
    return path.read_bytes()


def _reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        with archive.open(entry) as file:
            data = file.read(MAX_BYTES + 1)  # its header may understate the size
        if len(data) > MAX_BYTES:
            raise _too_large()
        return data

    return read


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The transcripts in an archive, one of each name: our own archives hold several formats of each."""
    chosen: dict[str, zipfile.ZipInfo] = {}
    for extension in EXTENSIONS:
        for entry in archive.infolist():
            name = PurePath(entry.filename)
            if name.suffix.lower() == extension and not name.name.startswith("."):
                chosen.setdefault(str(name.with_suffix("")), entry)
    if not chosen:
        raise InvalidRequest("There is no transcript in this archive.", field="file")
    if len(chosen) > MAX_ARCHIVE_FILES:
        raise InvalidRequest(
            "There are more than {limit} transcripts in this archive.", limit=MAX_ARCHIVE_FILES, field="file"
        )
    return list(chosen.values())


def _too_large() -> TooLarge:
    return TooLarge(
        "This file is larger than {limit} MiB, too large for a transcript.",
        limit=MAX_BYTES >> 20,
        field="file",
    )
