"""Remembered voices: names of speakers that are offered in later recordings, for users who switch it on."""

from flask import Response, jsonify
from pydantic import Field

from whisper_appliance.api.native.account import IdPath, signed_in_user
from whisper_appliance.api.native.transcripts import TranscriptPath
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.auth import resources
from whisper_appliance.web.auth.authentication import current_actor
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import ACCOUNT, TRANSCRIPTS, error_responses
from whisper_appliance.web.schemas.transcript import UtcTime

blueprint = LazyBlueprint("voices", __name__, url_prefix="/api/transcripts", abp_tags=[TRANSCRIPTS])
account_blueprint = LazyBlueprint(
    "account_voices", __name__, url_prefix="/api/account/voices", abp_tags=[ACCOUNT]
)


class OfferedNameResponse(Schema):
    """A name for a speaker who has none yet."""

    speaker: str = Field(description="What the speaker is called in the transcript.", examples=["Speaker 1"])
    name: str = Field(description="Whose voice it is like.", examples=["Ada"])
    similarity: float = Field(description="Cosine of the two voices, at most 1.")


class OfferedNames(Schema):
    """Names to accept or to leave."""

    offers: list[OfferedNameResponse]


class VoiceResponse(Schema):
    """A person whose voice is remembered."""

    id: str
    name: str
    recordings: int = Field(description="How many recordings the voice is known from.")
    created: str = UtcTime


class VoiceList(Schema):
    """The people whose voices are remembered."""

    remember: bool = Field(description="Whether voices are remembered.")
    voices: list[VoiceResponse]


class RememberBody(Schema):
    """Whether voices are remembered."""

    remember: bool = Field(description="false also forgets all voices.")


@blueprint.get(
    "/<hex32:id>/voices",
    responses={200: OfferedNames, **error_responses(401, 403, 404, 503)},
    operation_id="voices_offers__hex32_id__voices_get",
)
def list_offers(path: TranscriptPath) -> Response:
    """Names for speakers of an own transcript whose voices are like remembered ones. Nothing is renamed."""
    resources.authorized_transcript(path.id, "read")
    offers = appliance().voices.offers(path.id, current_actor().owner)
    return jsonify(
        OfferedNames(
            offers=[
                OfferedNameResponse(
                    speaker=each.speaker, name=each.name, similarity=round(each.similarity, 3)
                )
                for each in offers
            ]
        ).model_dump()
    )


@account_blueprint.get("", responses={200: VoiceList, **error_responses(401, 403, 503)})
def list_voices() -> Response:
    """The people whose voices are remembered, and whether any are. Voices themselves are not shown."""
    _, user = signed_in_user()
    voices = [
        VoiceResponse(id=each.id, name=each.name, recordings=each.recordings, created=each.created)
        for each in appliance().voices.of_user(user.id)
    ]
    return jsonify(VoiceList(remember=appliance().voices.is_on(user.id), voices=voices).model_dump())


@account_blueprint.put("", responses={204: None, **error_responses(400, 401, 403, 503, 507)})
def remember_voices(body: RememberBody) -> tuple[str, int]:
    """Remembers voices of speakers whom the user names from now on, or forgets all of them."""
    _, user = signed_in_user()
    appliance().voices.switch(user.id, on=body.remember)
    return "", 204


@account_blueprint.delete("/<hex32:id>", responses={204: None, **error_responses(401, 403, 404, 503, 507)})
def delete_voice(path: IdPath) -> tuple[str, int]:
    """Forgets the voice of a person."""
    _, user = signed_in_user()
    appliance().voices.delete(user.id, path.id)
    return "", 204
