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
    """A program with an admin's key in front of a real server; it looks at no certificate."""

    server: Server
    key: str

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON."""
        connection = http.client.HTTPSConnection(
            "localhost", self.server.port, context=ssl._create_unverified_context(), timeout=30
        )
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content or "null")

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
def key(folder: Path) -> str:
    """An admin's key, made before the first start."""
    with opened_accounts(load(data_dir=folder / "data")) as accounts:
        ada = accounts.users.create("Ada", PASSWORD, "owner", by=SHELL)
        return accounts.keys.create(ada, "a program", ("admin", "read"), days=None, by=SHELL)[1]


@pytest.fixture(scope="module")
def admin(folder: Path, key: str) -> Iterator[Admin]:
    with served(folder, PROGRAM, **SETTINGS) as server:
        yield Admin(server, key)


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
    assert admin.server.process.wait(40) == 75
    with served(folder, PROGRAM, **SETTINGS) as again:
        later = Admin(again, admin.key)
        after = later.ask("GET", "/api/admin/restart")[1]
        assert after["instance"] != before["instance"]
        assert after["waiting"] == []
        rows = {row["name"]: row for row in later.ask("GET", "/api/admin/settings")[1]["settings"]}
        assert (rows["MAX_WEBSOCKETS"]["value"], rows["MAX_WEBSOCKETS"]["source"]) == ("33", "panel")
        assert (rows["LOG_LEVEL"]["source"], rows["LOG_LEVEL"]["changeable"]) == ("environment", False)
