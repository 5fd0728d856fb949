"""A data folder of the first 0.1.0, whose process was killed, opens with everything in it."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.accounts import CHEAP_ARGON2
from tests.support.engines import ScriptedModels
from tests.support.jobs import Script
from tests.support.speech import words_of
from tests.support.wait import wait_until
from whisper_appliance.accounts.audit import AuditFilter
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.live.spool import WAV_HEADER_BYTES, samples_of
from whisper_appliance.storage.schema.accounts import invitations

ARCHIVE = Path(__file__).parent.parent / "fixtures" / "data_folder_0.1.0.tar.gz"


@dataclass(frozen=True)
class Opened:
    """The appliance on the unpacked folder, and what the folder holds."""

    appliance: Appliance
    facts: dict[str, str]


@contextmanager
def decode(path: Path, _sound: object = None) -> Iterator[Script.Words]:
    """The words of a text, or of a live recording."""
    content = path.read_bytes()
    if content.startswith(b"RIFF"):
        words = words_of(samples_of(content[WAV_HEADER_BYTES:]))
        yield Script.Words([word.word.strip() for word in words])
    else:
        yield Script.Words(content.decode().split())


def scripted_steps(chosen: Settings, _models: object) -> JobSteps:
    return Script().steps(chosen.data_dir, decode=decode)


def unpack(folder: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("old")
    unpack(folder)
    chosen = settings.load(data_dir=folder / "data", model_dir=folder / "models", model_downloads=False)
    appliance = Appliance(
        chosen, make_steps=scripted_steps, live_models=ScriptedModels(), passwords=Passwords(CHEAP_ARGON2)
    )
    with appliance:
        yield Opened(appliance, json.loads((folder / "facts.json").read_text()))


def test_transcripts_are_there_with_words_and_provenance(opened: Opened) -> None:
    transcripts, facts = opened.appliance.transcripts, opened.facts
    assert transcripts.get(facts["done"], facts["member"]).transcript.text == "to be or not to be"
    stored = transcripts.get(facts["with_words"], facts["owner"])
    assert stored.summary.title == "Postcard"
    (segment,) = stored.transcript.segments
    assert [word.word for word in segment.words] == [" Grüße", " aus", " Köln"]
    assert stored.transcript.dropped[0].text == "Thank you."
    assert stored.transcript.provenance
    assert stored.transcript.provenance.engine == "onnxruntime"
    (found,) = transcripts.page(facts["owner"], words="köln").summaries
    assert found.id == facts["with_words"]


def test_archived_recordings_are_still_there(opened: Opened) -> None:
    audio = opened.appliance.transcripts.audio(opened.facts["done"], opened.facts["member"])
    assert audio
    assert audio.read_text() == "to be or not to be"


def test_a_transcript_in_the_trash_is_still_there(opened: Opened) -> None:
    (summary,) = opened.appliance.transcripts.page(opened.facts["owner"], deleted=True).summaries
    assert (summary.id, summary.title) == (opened.facts["trashed"], "Old")


def test_a_finished_live_session_has_its_transcript_and_its_live_version(opened: Opened) -> None:
    stored = opened.appliance.transcripts.get(opened.facts["live_ended"], opened.facts["owner"])
    assert (stored.summary.title, stored.summary.source) == ("Meeting", "live")
    assert stored.transcript.text == "w1 w2 w3 w4 w5 w6 w7 w8"
    assert stored.live
    assert stored.live.text == stored.transcript.text


def test_unfinished_jobs_continue_after_their_finished_windows(opened: Opened) -> None:
    queue, facts = opened.appliance.queue, opened.facts
    texts = {"running": "one two three hold four", "second": "hold", "waiting": "five six"}
    for name, text in texts.items():
        job = queue.wait(facts[name], 60)
        assert (job.status, job.error) == ("done", None)
        assert opened.appliance.transcripts.get(facts[name], facts["member"]).transcript.text == text


def test_an_open_live_session_is_rebuilt_and_goes_on(opened: Opened) -> None:
    live, facts = opened.appliance.live, opened.facts
    resumed = live.resume(facts["live_open"], facts["live_token"], last_eid=None, connection="new")
    assert resumed.snapshot
    committed = " ".join(f"w{number}" for number in range(20, 30))
    assert committed in json.dumps(resumed.snapshot)
    live.stop(facts["live_open"], resumed.next_seq, connection="new")

    def is_stored() -> bool:
        return bool(opened.appliance.transcripts.summaries([facts["live_open"]]))

    wait_until(is_stored)
    text = opened.appliance.transcripts.get(facts["live_open"], facts["member"]).transcript.text
    assert text == " ".join(f"w{number}" for number in range(20, 33))


def test_passwords_api_keys_and_invitations_are_valid(opened: Opened) -> None:
    accounts, facts = opened.appliance.accounts, opened.facts
    assert [user.name for user in accounts.users.list_users()] == ["Emil", "Olga"]
    assert not (opened.appliance.settings.data_dir / "setup-token").exists()
    found = accounts.users.with_valid_password("Olga", "eleven green bicycles")
    assert found
    owner, _hash = found
    assert (owner.id, owner.role) == (facts["owner"], "owner")
    actor = accounts.actor_for_key(facts["key"])
    assert actor.owner == facts["member"]
    assert actor.scopes == {"transcribe", "read"}
    with opened.appliance.database.read() as connection:
        assert connection.execute(sa.select(invitations.c.note)).scalars().all() == ["for Ann"]


def test_shares_quotas_usage_and_audit_log_are_there(opened: Opened) -> None:
    appliance, facts = opened.appliance, opened.facts
    assert appliance.shares.by_token(facts["link"]).transcript_id == facts["with_words"]
    assert appliance.shares.reader_ids(facts["with_words"]) == {facts["member"]}
    assert appliance.usage.user_quota(facts["member"]).minutes_per_month == 600
    assert any(row.key_id == facts["key_id"] for row in appliance.usage.rows_for(facts["member"]))
    actions = {entry.action for entry in appliance.audit.iterate(AuditFilter())}
    assert {"user.create", "key.create", "invitation.create"} <= actions


def test_setting_overrides_are_in_force(opened: Opened) -> None:
    assert opened.appliance.settings.trash_days == 3000
    assert opened.appliance.queue.limits.per_owner == 33
    assert opened.appliance.overrides.stored["trash_days"].changed_by == opened.facts["owner"]


def test_the_secret_and_the_daily_copy_are_kept(opened: Opened) -> None:
    appliance = opened.appliance
    assert appliance.secret_key == opened.facts["secret_key"]
    assert list((appliance.settings.data_dir / "backups").glob("appliance-2026*.sqlite"))


def test_the_local_ca_is_kept(tmp_path: Path) -> None:
    unpack(tmp_path)
    names = ["appliance", "appliance.local", "localhost", "127.0.0.1"]
    certificates = Certificates(tmp_path / "data" / "certificates", lambda: names)
    certificates.ensure()
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert (certificates.ca_pem() or b"").decode() == facts["ca"]
