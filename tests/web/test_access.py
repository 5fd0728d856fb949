"""Who may do what is what THE TABLE says, on every route, asked by real requests of everybody."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from flask_openapi3 import OpenAPI

from tests.support.access_table import ANONYMOUS, CLOSED, EVERYBODY, OPEN, PEOPLE, TABLE, Row, Rule
from tests.support.accounts import CHEAP_ARGON2
from tests.support.application import measure_in_no_time
from tests.support.client import ApiClient, Response, an_account, client_of, open_page, signed_in, with_key
from tests.support.engines import ScriptedModels
from tests.support.jobs import Script
from tests.support.library import keep_recording, transcript
from whisper_appliance.accounts.identity import SCOPES, SHELL, Role, User
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.engines.contract import Priority
from whisper_appliance.jobs.job import JobRequest
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.library.bulk_actions import BulkAction
from whisper_appliance.live.manager import SessionRequest
from whisper_appliance.server.application import create_app

NOTHING = "0" * 32
SESSIONS_END = ("/api/session", "/api/account", "/api/admin/users")
ANSWERS = {401: "sign in", 403: "no", 404: "not there"}


class Actors:
    """One appliance, everybody of the table, and the things that they own, made when they are asked for."""

    def __init__(self, appliance: Appliance, app: OpenAPI) -> None:
        self.appliance = appliance
        self.app = app
        roles: dict[str, Role] = {"admin": "admin", "owner": "owner"}
        self.users: dict[str, User] = {
            name: an_account(appliance, roles.get(name, "member"), name) for name in (*PEOPLE, "somebody")
        }
        self._clients = {name: open_page(app) for name in ("visitor", "other visitor")}
        for scope in SCOPES:
            user = self.users["admin" if scope == "admin" else "member"]
            self._clients[f"key: {scope}"] = with_key(app, scope, user=user)
        with self._clients["visitor"].session_transaction() as session:
            visitor = session["owner"]
        self.owners = {"member": self.users["member"].id, "visitor": visitor, "nobody": ""}
        self._things: dict[tuple[str, str], str] = {}

    def client(self, name: str) -> ApiClient:
        """Somebody, in a state in which they have asked for nothing yet."""
        if name in ("nobody", "disabled"):
            client = client_of(self.app)
            if name == "disabled":
                client.set_cookie("session", "x" * 43)  # it ended with its user, and is sent once more
            return client
        if name not in self._clients:
            self._clients[name] = signed_in(self.app, user=self.users[name])
        return self._clients[name]

    def forget_sessions(self) -> None:
        """Everybody signs in anew."""
        for name in PEOPLE:
            self._clients.pop(name, None)

    def path(self, template: str, owner: str) -> str:
        """An address, with things of this owner in it."""
        parts = template.split("{")
        names = [part.split("}")[0] for part in parts[1:]]
        return template.format(**{name: self.thing(name, owner) for name in names})

    def thing(self, name: str, owner: str) -> str:
        """The id of a thing of this owner; the same until it is used up."""
        if (name, owner) not in self._things:
            self._things[name, owner] = getattr(self, f"_{name}")(owner)
        return self._things[name, owner]

    def use_up(self, template: str, owner: str) -> None:
        """Forgets the things of an address, which may have gone."""
        for name, whose in list(self._things):
            if whose == owner and "{" + name + "}" in template:
                del self._things[name, whose]

    def _nothing(self, owner: str) -> str:
        return NOTHING

    def _user(self, owner: str) -> str:
        return self.users["somebody"].id

    def _transcript(self, owner: str) -> str:
        # JSON has no infinity, which the plain one holds.
        made = transcript()
        words = tuple(replace(segment, no_speech_prob=0.0, avg_logprob=-0.1) for segment in made.segments)
        words = tuple(replace(segment, compression_ratio=1.0) for segment in words)
        id = self.appliance.transcripts.add(
            replace(made, segments=words), title="A talk", owner=self.owners[owner]
        )
        keep_recording(self.appliance.recordings, id)
        if owner == "member":
            self.appliance.shares.share_with(id, "reader", by=self.owners[owner])
            self.appliance.shares.share_with(id, "commenter", by=self.owners[owner], role="commenter")
            self.appliance.shares.share_with(id, "editor", by=self.owners[owner], role="editor")
            action = BulkAction("move", folder_id=self.thing("folder", owner))
            self.appliance.bulk_actions.run(self.owners[owner], [id], action)
        return id

    def _folder(self, owner: str) -> str:
        id = self.appliance.folders.create(self.owners[owner], f"Folder {secrets.token_hex(4)}").id
        self.appliance.folder_shares.share_with(self.owners[owner], id, "folder reader")
        return id

    _left_folder = _folder

    _received = _heard = _transcript

    def _trashed(self, owner: str) -> str:
        id = self._transcript(owner)
        self.appliance.transcripts.delete(id, self.owners[owner])
        return id

    def _share(self, owner: str) -> str:
        self._things.setdefault(("transcript", owner), self._transcript(owner))
        return self.appliance.shares.create_link(self.thing("transcript", owner), by=self.owners[owner]).id

    def _link_token(self, owner: str) -> str:
        transcript_id, by = self.thing("transcript", owner), self.owners[owner]
        return str(self.appliance.shares.create_link(transcript_id, by=by, audio=True).token)

    def _invitation(self, owner: str) -> str:
        return self.appliance.accounts.invitations.create("member", by=SHELL)[0].id

    def _invitation_token(self, owner: str) -> str:
        return self.appliance.accounts.invitations.create("member", by=SHELL)[1]

    def _job(self, owner: str) -> str:
        audio = self.appliance.settings.data_dir / "uploads" / secrets.token_hex(16)
        audio.write_text("some words")
        request = JobRequest(
            id=audio.name,
            audio=audio,
            filename="a.wav",
            owner=self.owners[owner],
            priority=Priority.INTERACTIVE,
        )
        job = self.appliance.queue.enqueue(request)
        return self.appliance.queue.wait(job.id, 60).id

    def _live(self, owner: str) -> str:
        opened = self.appliance.live.open(SessionRequest(), owner=self.owners[owner], connection=owner)
        return opened.session

    def _captions_token(self, owner: str) -> str:
        return self.appliance.live.sharing.share(self.thing("live", owner), connection=owner)


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory, tiny_en: Path) -> Iterator[Actors]:
    models = tmp_path_factory.mktemp("models")
    (models / "tiny.en").symlink_to(tiny_en)
    script = Script()

    def make_steps(settings: Settings, _models: object) -> JobSteps:
        return script.steps(settings.data_dir, "tiny.en")

    chosen = settings.load(
        data_dir=tmp_path_factory.mktemp("data"), model_dir=models, whisper_model="tiny.en",
        model_warm_up=False, min_free_disk=0, model_downloads=False, requests_per_minute=0,
        requests_per_minute_per_user=0, uploads_per_minute=0,
    )  # fmt: skip
    with Appliance(
        chosen, make_steps=make_steps, live_models=ScriptedModels(), passwords=Passwords(CHEAP_ARGON2)
    ) as appliance:
        measure_in_no_time(appliance)
        yield Actors(appliance, create_app(appliance))


def rule_of(app: OpenAPI, request: str) -> tuple[str, str]:
    """The method and the route that a request of the table is for."""
    method, path = request.split(" ", 1)
    filled = "/".join(NOTHING if part.startswith("{") else part for part in path.split("/"))
    rule, _ = app.url_map.bind("").match(filled, method=method, return_rule=True)
    return method, rule.rule


def test_every_route_is_in_the_table(actors: Actors) -> None:
    routes = {
        (method, rule.rule)
        for rule in actors.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    asked = {rule_of(actors.app, request) for request in TABLE}
    assert routes - asked == set(), "these routes are missing in the table of tests/web/who_may.py"


def ask(actors: Actors, name: str, request: str, row: Row, owner: str) -> str:
    """What somebody is answered: ok, sign in, no, or not there."""
    method, template = request.split(" ", 1)
    path = actors.path(template, owner)
    body = row.body
    if isinstance(body, dict):
        body = {
            key: actors.path(value, owner) if isinstance(value, str) else value for key, value in body.items()
        }
    headers = {} if path.startswith("/api") else {"Accept": "text/html"}
    with actors.client(name).open(
        path, method=method, json=body, headers=headers, buffered=False
    ) as response:
        answer = answer_of(cast(Response, response))
    if answer == "ok" and row.used_up:
        actors.use_up(template, owner)
    if answer == "ok" and method != "GET" and path.startswith(SESSIONS_END):
        actors.forget_sessions()
    return answer


def answer_of(response: Response) -> str:
    """In the words of the table. A wrong password is an answer to somebody who may try."""
    status = response.status_code
    assert status != 500, response.text
    if status == 302 and response.headers["Location"].startswith("/sign-in"):
        return "sign in"
    if status == 401 and "sign_in_failed" in response.text:
        return "ok"
    return ANSWERS.get(status, "ok")


def held(row: Row, expected: str, answer: str) -> bool:
    return answer == expected or (expected == "ok" and row.may_be_missing and answer == "not there")


def cases() -> Iterator[tuple[str, str, Rule]]:
    for request, row in TABLE.items():
        rules = row.rule if isinstance(row.rule, dict) else {"member": row.rule}
        for owner, rule in rules.items():
            yield request, owner, rule


CASES = list(cases())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "owner", "rule"), CASES, ids=[f"{request} of {owner}" for request, owner, _ in CASES]
)
def test_every_actor_may_do_what_the_table_allows(
    actors: Actors, request_: str, owner: str, rule: Rule
) -> None:
    row = TABLE[request_]
    answers = {name: ask(actors, name, request_, row, owner) for name in EVERYBODY}
    wrong = {
        name: f"{answer}, not {rule.answers[name]}"
        for name, answer in answers.items()
        if not held(row, rule.answers[name], answer)
    }
    assert wrong == {}


@pytest.fixture
def for_people_only(actors: Actors) -> Iterator[None]:
    actors.appliance.accounts.access_mode.set("accounts", by=SHELL)
    yield
    actors.appliance.accounts.access_mode.set("network", by=SHELL)


def test_without_an_account_nothing_is_open_if_accounts_are_required(
    actors: Actors, for_people_only: None
) -> None:
    """Public links, captions and what leads in stay open; whoever has an account notices nothing."""
    wrong = {}
    for request, row in TABLE.items():
        if request.startswith("PUT /api/admin/openness"):
            continue
        openly = row.rule is OPEN or row.rule is CLOSED
        for name in ANONYMOUS:
            answer = ask(actors, name, request, row, "member")
            if (answer == "sign in") == openly:
                wrong[f"{request} by {name}"] = answer
    assert wrong == {}


def test_a_member_keeps_access_when_accounts_are_required(actors: Actors, for_people_only: None) -> None:
    id = actors.thing("transcript", "member")
    assert actors.client("member").get(f"/api/transcripts/{id}").status_code == 200
    assert actors.client("reader").get(f"/api/transcripts/{id}").status_code == 200
    assert actors.client("other member").get(f"/api/transcripts/{id}").status_code == 404
