"""Voices that a user named are offered by name in later recordings, to those who switched it on."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask_openapi3 import OpenAPI

from tests.support.client import ApiClient, Response, send, signed_in
from tests.support.jobs import Script
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.diarization.contract import Diarization, Turn
from whisper_appliance.storage.schema.accounts import voices
from whisper_appliance.storage.schema.library import found_voices
from whisper_appliance.transcript.model import Transcript

ADA, BOB, EVE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
ALMOST_ADA = (0.8, 0.0, 0.6)


class Speakers:
    """A diarizer that finds the speakers whom a test names, one in each window of 20 s."""

    heard: tuple[tuple[float, ...], ...] = ()

    def __call__(self, _recording: object, _speakers: int | None, **_: object) -> Diarization:
        turns = (Turn(20.0 * place, 20.0 * (place + 1), place) for place in range(len(self.heard)))
        return Diarization(tuple(turns), self.heard)


class Placed(Script):
    """Its windows lie one behind the other."""

    def transcribe(self, *given: Any, **others: Any) -> Transcript:
        made = super().transcribe(*given, **others)
        placed = [
            replace(
                each,
                start=20.0 * place,
                end=20.0 * (place + 1),
                words=tuple(replace(word, start=20.0 * place, end=20.0 * (place + 1)) for word in each.words),
            )
            for place, each in enumerate(made.segments)
        ]
        return replace(made, segments=tuple(placed))


SPEAKERS = Speakers()


@pytest.fixture(scope="module")
def module_script() -> Script:
    return Placed(diarize=SPEAKERS)


@pytest.fixture
def ada(app: OpenAPI) -> ApiClient:
    client = signed_in(app)
    assert client.put("/api/account/voices", json={"remember": True}).status_code == 204
    return client


def recorded(client: ApiClient, *heard: tuple[float, ...]) -> str:
    SPEAKERS.heard = heard
    words = " ".join(f"word{number}" for number in range(len(heard)))
    return str(send(client, words=words, diarize="true").json["id"])


def edit(client: ApiClient, id: str, *operations: dict[str, Any]) -> Response:
    answer = client.patch(
        f"/api/transcripts/{id}/segments", json={"operations": operations}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text
    return answer


def name(client: ApiClient, id: str, speaker: str, given: str) -> None:
    edit(client, id, {"op": "rename_speaker", "speaker": speaker, "name": given})


def offers(client: ApiClient, id: str) -> dict[str, str]:
    found = client.get(f"/api/transcripts/{id}/voices").json["offers"]
    return {each["speaker"]: each["name"] for each in found}


def remembered(client: ApiClient) -> list[tuple[str, int]]:
    found = client.get("/api/account/voices").json["voices"]
    return [(each["name"], each["recordings"]) for each in found]


def speakers(client: ApiClient, id: str) -> list[str]:
    return [each["speaker"] for each in client.get(f"/api/transcripts/{id}").json["segments"]]


def stored(appliance: Appliance, table: sa.Table, owner: str = "") -> int:
    query = sa.select(sa.func.count()).select_from(table)
    if owner:
        query = query.where(table.c.user_id == owner)
    with appliance.database.read() as connection:
        return int(connection.execute(query).scalar() or 0)


def test_a_voice_that_was_named_is_offered_later_and_nobody_is_renamed(ada: ApiClient) -> None:
    name(ada, recorded(ada, ADA, BOB), "Speaker 1", "Ada")
    assert remembered(ada) == [("Ada", 1)]
    later = recorded(ada, BOB, ALMOST_ADA)
    assert offers(ada, later) == {"Speaker 2": "Ada"}
    assert speakers(ada, later) == ["Speaker 1", "Speaker 2"]
    (offer,) = ada.get(f"/api/transcripts/{later}/voices").json["offers"]
    assert offer["similarity"] == 0.8
    name(ada, later, "Speaker 2", "Ada")
    assert offers(ada, later) == {}
    assert remembered(ada) == [("Ada", 2)]
    assert offers(ada, recorded(ada, EVE)) == {}


def test_nothing_is_stored_for_those_who_did_not_switch_it_on(
    app: OpenAPI, appliance: Appliance, browser: ApiClient
) -> None:
    before = stored(appliance, found_voices)
    for client in (signed_in(app), browser):
        id = recorded(client, ADA)
        name(client, id, "Speaker 1", "Ada")
        assert offers(client, id) == {}
    assert stored(appliance, found_voices) == before


def test_a_voice_is_offered_to_its_own_user_only(app: OpenAPI, ada: ApiClient) -> None:
    name(ada, recorded(ada, ADA), "Speaker 1", "Ada")
    bob = signed_in(app)
    bob.put("/api/account/voices", json={"remember": True})
    assert offers(bob, recorded(bob, ADA)) == {}
    shared = recorded(ada, ADA)
    ada.post(f"/api/transcripts/{shared}/shares", json={"user": bob.user.name, "role": "editor"})
    assert offers(bob, shared) == {}
    name(bob, shared, "Speaker 1", "Eve")
    assert remembered(bob) == []
    assert remembered(ada) == [("Ada", 1)]
    (voice,) = ada.get("/api/account/voices").json["voices"]
    assert bob.delete(f"/api/account/voices/{voice['id']}").status_code == 404


def test_a_name_that_is_corrected_or_taken_back_is_so_for_the_voice(ada: ApiClient) -> None:
    id = recorded(ada, ADA, BOB)
    name(ada, id, "Speaker 1", "Adda")
    name(ada, id, "Adda", "Ada")
    assert remembered(ada) == [("Ada", 1)]
    name(ada, id, "Speaker 2", "Ada")  # the two are one person
    assert remembered(ada) == [("Ada", 2)]
    for left in (1, 1, 0):  # the second undo makes Ada Adda again
        assert ada.post(f"/api/transcripts/{id}/undo", headers={"If-Match": "*"}).status_code == 200
        assert sum(count for _, count in remembered(ada)) == left
    assert speakers(ada, id) == ["Speaker 1", "Speaker 2"]
    ada.post(f"/api/transcripts/{id}/redo", headers={"If-Match": "*"})
    assert remembered(ada) == [("Adda", 1)]


def test_a_speaker_of_some_lines_is_no_voice(ada: ApiClient) -> None:
    id = recorded(ada, ADA, ADA)
    name(ada, id, "Speaker 2", "Speaker 1")
    edit(ada, id, {"op": "set_speaker", "segments": ["0"], "speaker": "Bob"})
    assert remembered(ada) == []


def test_a_voice_and_all_voices_are_forgotten(appliance: Appliance, ada: ApiClient) -> None:
    id = recorded(ada, ADA, BOB)
    name(ada, id, "Speaker 1", "Ada")
    name(ada, id, "Speaker 2", "Bob")
    voice = ada.get("/api/account/voices").json["voices"][0]
    assert ada.delete(f"/api/account/voices/{voice['id']}").status_code == 204
    assert ada.delete(f"/api/account/voices/{voice['id']}").status_code == 404
    assert remembered(ada) == [("Bob", 1)]
    assert "embedding" not in ada.get("/api/account/voices").text
    found = stored(appliance, found_voices)
    assert ada.put("/api/account/voices", json={"remember": False}).status_code == 204
    assert ada.get("/api/account/voices").json == {"remember": False, "voices": []}
    assert stored(appliance, voices, ada.user.id) == 0
    assert stored(appliance, found_voices) == found - 2
    assert speakers(ada, id) == ["Ada", "Bob"]


def test_voices_of_another_model_are_kept_and_not_compared(ada: ApiClient) -> None:
    name(ada, recorded(ada, ADA), "Speaker 1", "Ada")
    later = recorded(ada, (1.0, 0.0))
    assert offers(ada, later) == {}
    name(ada, later, "Speaker 1", "Ada")
    assert remembered(ada) == [("Ada", 2)]
    assert offers(ada, recorded(ada, ALMOST_ADA)) == {"Speaker 1": "Ada"}
    assert offers(ada, recorded(ada, (0.9, 0.1))) == {"Speaker 1": "Ada"}


def test_a_deleted_account_leaves_no_voice_to_its_heir(
    app: OpenAPI, appliance: Appliance, ada: ApiClient
) -> None:
    id = recorded(ada, ADA)
    name(ada, id, "Speaker 1", "Ada")
    heir, before = signed_in(app, "owner"), stored(appliance, found_voices)
    appliance.accounts.remove_user(ada.user.id, heir=heir.user.id, by=SHELL)
    assert speakers(heir, id) == ["Ada"]
    assert stored(appliance, voices, ada.user.id) == 0
    assert stored(appliance, found_voices) == before - 1
