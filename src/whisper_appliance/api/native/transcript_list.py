"""The list of the actor's transcripts: searched, filtered, sorted, and read part by part."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.transcripts import received_response, summary_response
from whisper_appliance.core.clock import written
from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.library.list_statistics import list_statistics
from whisper_appliance.library.listing import NO_FOLDER, ListedTranscript, ListFilter, ListRange, Sort
from whisper_appliance.web.auth.authentication import require
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.transcript import TranscriptListResponse

blueprint = LazyBlueprint("transcript_list", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])


class FilterQuery(Schema):
    """Which transcripts are meant."""

    q: str = Field(
        "",
        max_length=500,
        description='Only those with all these words in title, text or names of speakers; "a phrase" in '
        "quotes; a `*` behind the beginning of a word. The last word may be a beginning anyhow.",
    )
    shared: Literal["no", "only", "too"] = Field(
        "no",
        description="What others shared with the caller, by itself or by a folder: left out, only, or too.",
    )
    deleted: bool = Field(False, description="The trash, instead of what is not in it.")
    created_from: datetime | None = Field(None, description="Made at or after this time (UTC without zone).")
    created_until: datetime | None = Field(None, description="Made before this time.")
    language: str | None = Field(None, max_length=20, description="In this language, such as `de`.")
    model: str | None = Field(None, max_length=200, description="Made with this model.")
    source: str | None = Field(None, max_length=50, description="Such as `upload` or `live`.")
    min_seconds: float | None = Field(None, ge=0, description="At least so long.")
    max_seconds: float | None = Field(None, ge=0, description="At most so long.")
    doubtful: bool | None = Field(None, description="With or without words that the model is not sure of.")
    favourite: bool | None = Field(None, description="Marked as a favourite, or not.")
    edited: bool | None = Field(None, description="With or without changes of its text.")
    speaker: str | None = Field(None, max_length=200, description="With this speaker, by name.")
    folder: str | None = Field(
        None,
        pattern=f"{ID_REGEX}|^{NO_FOLDER}$",
        description=f"In this folder or in one below, or `{NO_FOLDER}`.",
    )
    tag: list[str] = Field(default=[], max_length=20, description="With all of these tags, by id.")

    def to_filter(self) -> ListFilter:
        """The filter of the library."""
        return ListFilter(
            words=self.q,
            deleted=self.deleted,
            shared=self.shared,
            created_from=_utc(self.created_from),
            created_until=_utc(self.created_until),
            language=self.language,
            model=self.model,
            source=self.source,
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
            doubtful=self.doubtful,
            favourite=self.favourite,
            edited=self.edited,
            speaker=self.speaker,
            folder_id=self.folder,
            tags=tuple(self.tag),
        )


class GroupResponse(Schema):
    """The transcripts that have a value."""

    value: str
    transcripts: int
    seconds: float = Field(description="Of audio.")


class ListStatisticsResponse(Schema):
    """How much there is in a list. Groups come with the most seconds first, months in their order."""

    total: int = Field(description="Transcripts.")
    seconds: float = Field(description="Of audio.")
    months: list[GroupResponse] = Field(description="UTC, such as `2026-03`.")
    languages: list[GroupResponse]
    folders: list[GroupResponse] = Field(description="By name, empty for none; not of shared ones.")
    speakers: list[GroupResponse] = Field(description="The first 20, by the transcripts they speak in.")
    sources: list[GroupResponse]


class ListQuery(FilterQuery):
    """Which part of the list is wanted, and in which order."""

    sort: Sort = Field("newest", description="Order of the list.")
    limit: int = Field(50, ge=1, le=200, description="Most transcripts in one answer.")
    offset: int = Field(0, ge=0, le=10_000_000, description="How many to leave out at the beginning.")
    cursor: str | None = Field(None, description="`next` of the page before, in the order `newest`.")


@blueprint.get(
    "",
    responses={200: TranscriptListResponse, **error_responses(400, 401, 403, 404, 503)},
    operation_id="transcripts_list_transcripts__get",
)
def list_transcripts(query: ListQuery) -> Response:
    """The transcripts of the caller: searched, filtered, sorted, and read part by part."""
    owner = require("read").owner
    if query.cursor and (query.sort != "newest" or query.offset):
        raise InvalidRequest("A cursor goes with the order newest and without an offset.", field="cursor")
    part = ListRange(query.limit, query.offset, query.cursor)
    found = appliance().listing.find(owner, query.to_filter(), sort=query.sort, part=part)
    return jsonify(
        {
            "transcripts": [listed_response(each, owner) for each in found.transcripts],
            "next": found.next_cursor,
            "total": found.total,
            "more": found.more,
            "suggestion": found.suggestion,
        }
    )


@blueprint.get(
    "/statistics",
    responses={200: ListStatisticsResponse, **error_responses(400, 401, 403, 404, 503)},
    operation_id="transcripts_statistics_statistics_get",
)
def get_list_statistics(query: FilterQuery) -> Response:
    """How much there is in a list, by month, language, folder, speaker and source."""
    owner = require("read").owner
    return jsonify(asdict(list_statistics(appliance().database, owner, query.to_filter())))


def listed_response(listed: ListedTranscript, owner: str) -> dict[str, Any]:
    """A transcript in a list of `owner` as JSON, with the hits of the search."""
    if listed.summary.owner == owner:
        response = summary_response(listed.summary) | {"tags": list(listed.tags)}
    else:
        response = received_response(listed.summary)
    if listed.hits:
        hits = [
            {"start": round(hit.start, 2), "pieces": list(hit.pieces), "note": hit.note_id or None}
            for hit in listed.hits.hits
        ]
        found = hits[0]["pieces"] if hits else None
        response |= {"hits": hits, "hit_count": listed.hits.count, "found": found}
    return response


def _utc(time: datetime | None) -> str | None:
    if time is None:
        return None
    return written(time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
