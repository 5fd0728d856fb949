"""HTTPS in the panel of the real program: what is changed there is what the next connection gets."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Made, make
from tests.support.client import PASSWORD
from tests.support.program import Server, served
from whisper_appliance.accounts.identity import SHELL
from whisper_appliance.app.offline_accounts import opened_accounts
from whisper_appliance.config.settings import load

pytestmark = pytest.mark.slow

PROGRAM = ("-m", "whisper_appliance", "serve")
PATH = "/api/admin/certificate"
SETTINGS = {"SUPERVISED": "true", "MODEL_WARM_UP": "false", "MODEL_DOWNLOADS": "false", "LOG_LEVEL": "ERROR"}


@dataclass
class Admin:
    """A browser in which an owner has signed in, in front of a real server; it looks at no certificate."""

    server: Server
    session: str
    csrf_token: str = ""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON."""
        status, content = self._send(method, path, json.dumps(body) if body is not None else None)
        return status, json.loads(content or "null")

    def read_csrf_token(self) -> None:
        """Opens a page, which has the token that changes need."""
        self.csrf_token = (
            self._send("GET", "/account")[1].split('name="csrf-token" content="')[1].split('"')[0]
        )

    def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(
            "localhost", self.server.port, context=ssl._create_unverified_context(), timeout=30
        )
        headers = {"Cookie": f"__Host-session={self.session}", "X-CSRF-Token": self.csrf_token}
        connection.request(method, path, body, {**headers, "Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, content

    def served_to(self, trusting: bytes, name: str) -> bool:
        """Whether a device that trusts only this authority connects by this name."""
        context = ssl.create_default_context(cadata=trusting.decode())
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as raw:
            try:
                context.wrap_socket(raw, server_hostname=name).close()
            except ssl.SSLError:
                return False
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def session(folder: Path) -> str:
    """An owner's session, begun before the first start."""
    with opened_accounts(load(data_dir=folder / "data")) as accounts:
        ada = accounts.users.create("Ada", PASSWORD, "owner", by=SHELL)
        return accounts.begin_session(ada, address="127.0.0.1").token


@pytest.fixture(scope="module")
def admin(folder: Path, session: str) -> Iterator[Admin]:
    with served(folder, PROGRAM, **SETTINGS) as server:
        admin = Admin(server, session)
        admin.read_csrf_token()
        yield admin


@pytest.fixture(scope="module")
def root() -> Made:
    return make("Attic Root")


def test_an_own_certificate_is_served_without_a_restart_and_open_connections_stay(
    admin: Admin, root: Made
) -> None:
    before = admin.ask("GET", PATH)[1]["certificate"]
    assert (before["kind"], before["uploaded"], before["own_fixed"]) == ("generated", False, None)
    own = make("attic", root, names=["attic.example.org"])
    with admin.server.connect() as open_one:
        status, answer = admin.ask(
            "PUT", f"{PATH}/own", {"chain": own.pem.decode(), "key": own.key_pem().decode()}
        )
        assert (status, answer["certificate"]["uploaded"]) == (200, True)
        assert answer["certificate"]["issuer"] == "Attic Root"
        assert admin.served_to(root.pem, "attic.example.org")
        open_one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert open_one.recv(12) == b"HTTP/1.1 200"
    assert admin.ask("POST", f"{PATH}/renew")[0] == 409
    status, answer = admin.ask("DELETE", f"{PATH}/own")
    assert (status, answer["certificate"]["fingerprint"]) == (200, before["fingerprint"])
    assert not admin.served_to(root.pem, "attic.example.org")
    assert admin.ask("DELETE", f"{PATH}/own")[0] == 404


def test_an_invalid_certificate_is_refused_and_nothing_changes(admin: Admin, root: Made) -> None:
    before = admin.ask("GET", PATH)[1]
    own = make("attic", root, names=["attic"])
    status, answer = admin.ask(
        "PUT", f"{PATH}/own", {"chain": own.pem.decode(), "key": root.key_pem().decode()}
    )
    assert (status, answer["error"]["field"]) == (400, "key")
    assert admin.ask("GET", PATH)[1] == before


def test_renewing_makes_another_certificate_of_the_same_authority(admin: Admin) -> None:
    before = admin.ask("GET", PATH)[1]["certificate"]
    trusting = admin.server.trusting
    status, answer = admin.ask("POST", f"{PATH}/renew")
    after = answer["certificate"]
    assert status == 200
    assert after["fingerprint"] != before["fingerprint"]
    assert after["authority_fingerprint"] == before["authority_fingerprint"]
    connection = http.client.HTTPSConnection("localhost", admin.server.port, context=trusting, timeout=30)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_names_are_added_and_served_at_once(admin: Admin) -> None:
    status, answer = admin.ask("PUT", f"{PATH}/names", {"names": ["attic.home.arpa", " 10.9.8.7 "]})
    assert (status, answer["certificate"]["more_names"]) == (200, ["attic.home.arpa", "10.9.8.7"])
    assert {"attic.home.arpa", "10.9.8.7"} <= set(answer["certificate"]["names"])
    ca = admin.server.folder / "data/certificates/ca.pem"
    authority = b"-----BEGIN CERTIFICATE" + ca.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2]
    assert admin.served_to(authority, "attic.home.arpa")
    status, answer = admin.ask("PUT", f"{PATH}/names", {"names": ["no name"]})
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert admin.ask("PUT", f"{PATH}/names", {"names": []})[1]["certificate"]["more_names"] == []


def test_a_restart_ends_the_program_so_that_it_is_started_again_with_what_waited(
    admin: Admin, folder: Path
) -> None:
    before = admin.ask("GET", "/api/admin/restart")[1]
    assert (before["possible"], before["waiting"]) == (True, [])
    admin.ask("PUT", "/api/admin/settings/MAX_WEBSOCKETS", {"value": "33"})
    assert admin.ask("GET", "/api/admin/restart")[1]["waiting"] == ["MAX_WEBSOCKETS"]
    assert admin.ask("POST", "/api/admin/restart")[0] == 202
    assert admin.server.process.wait(60) == 75
    with served(folder, PROGRAM, **SETTINGS) as again:
        later = Admin(again, admin.session, admin.csrf_token)
        after = later.ask("GET", "/api/admin/restart")[1]
        assert after["instance"] != before["instance"]
        assert after["waiting"] == []
        rows = {row["name"]: row for row in later.ask("GET", "/api/admin/settings")[1]["settings"]}
        assert (rows["MAX_WEBSOCKETS"]["value"], rows["MAX_WEBSOCKETS"]["source"]) == ("33", "panel")
        assert (rows["LOG_LEVEL"]["source"], rows["LOG_LEVEL"]["changeable"]) == ("environment", False)
