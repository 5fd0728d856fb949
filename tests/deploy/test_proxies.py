"""A real nginx in front of a real appliance: with the configuration of `deploy/nginx`, and as nginx comes."""

import json
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import websocket

from tests.support.certificates import make
from tests.support.program import ANY_CERTIFICATE, REAL, ROOT, Server, free_port, served
from tests.support.wait import wait_until

pytestmark = pytest.mark.slow  # starts the real program

NGINX = shutil.which("nginx") or next(
    (str(path) for path in [Path("/usr/sbin/nginx")] if path.exists()), None
)
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
STOCK = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{appliance}; }} }}"


@dataclass(frozen=True)
class Proxy:
    """A running nginx."""

    port: int
    scheme: str

    def open(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.scheme}://localhost:{self.port}{path}", body, sent)
        try:
            with urllib.request.urlopen(request, context=ANY_CERTIFICATE, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def first_packet(self) -> str:
        """What Socket.IO sends first over a WebSocket."""
        scheme = "wss" if self.scheme == "https" else "ws"
        url = f"{scheme}://localhost:{self.port}/socket.io/?EIO=4&transport=websocket"
        connection = websocket.create_connection(url, timeout=20, sslopt={"cert_reqs": ssl.CERT_NONE})
        try:
            return str(connection.recv())
        finally:
            connection.close()


@contextmanager
def nginx(folder: Path, site: str) -> Iterator[None]:
    """nginx with this site, in a folder of its own."""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, site=site))
    arguments = [
        str(NGINX),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        str(folder / "error.log"),
    ]
    process = subprocess.Popen(arguments)
    try:
        wait_until((folder / "nginx.pid").exists, reason=lambda: (folder / "error.log").read_text())
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An appliance as it is behind a proxy."""
    if NGINX is None:
        pytest.skip("nginx is not here: apt-get install nginx-light")
    settings = {"HTTPS_ENABLED": "false", "TRUSTED_PROXIES": "1", "MODEL_DOWNLOADS": "false"}
    with served(tmp_path_factory.mktemp("appliance"), REAL, WHISPER_MODEL="small.en", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(appliance: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx with the configuration that the installer puts in place."""
    folder, plain, secure = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    certificate = make("localhost", names=["localhost"])
    (folder / "certificate").write_bytes(certificate.pem)
    (folder / "key").write_bytes(certificate.key_pem())
    site = (ROOT / "deploy/nginx/whisper-appliance.conf").read_text()
    site = re.sub(r"listen \[::\].*\n", "", site)
    site = site.replace("listen 80;", f"listen 127.0.0.1:{plain};")
    site = site.replace("listen 443 ", f"listen 127.0.0.1:{secure} ")
    site = site.replace("127.0.0.1:5001", f"127.0.0.1:{appliance.port}").replace("SERVER_NAME", "localhost")
    site = site.replace("ssl_certificate CERTIFICATE", f"ssl_certificate {folder}/certificate")
    site = site.replace("ssl_certificate_key KEY", f"ssl_certificate_key {folder}/key")
    with nginx(folder, site):
        yield Proxy(secure, "https")


def test_pages_and_large_uploads_pass_the_proxy(proxy: Proxy) -> None:
    assert proxy.open("/")[0] == 200
    boundary = "x"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
    body = head + bytes(3_000_000) + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    status, answer = proxy.open("/transcribe", body, Content_Type=kind)
    error = json.loads(answer)["error"]
    assert status != 413
    assert error["message"], "the appliance answers, not nginx"


def test_websockets_pass_the_proxy(proxy: Proxy) -> None:
    assert proxy.first_packet().startswith("0{")


def test_the_appliance_sees_https_and_the_proxys_name(proxy: Proxy) -> None:
    status, body = proxy.open("/openapi.json")
    assert status == 200
    assert json.loads(body)["openapi"]
    request = urllib.request.Request(f"https://localhost:{proxy.port}/")
    with urllib.request.urlopen(request, context=ANY_CERTIFICATE, timeout=20) as answer:
        cookies = answer.headers.get_all("Set-Cookie") or []
        assert all("Secure" in cookie for cookie in cookies)


@pytest.fixture(scope="module")
def stock(appliance: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx with nothing but `proxy_pass`: 1 MB bodies, no Upgrade."""
    port = free_port()
    with nginx(tmp_path_factory.mktemp("stock"), STOCK.format(port=port, appliance=appliance.port)):
        yield Proxy(port, "http")


def test_a_stock_proxy_refuses_large_files_with_a_page_of_its_own(stock: Proxy) -> None:
    """The pages' scripts explain it: tests/js/api.test.mjs."""
    status, body = stock.open("/transcribe", bytes(1_100_000), Content_Type="multipart/form-data; boundary=x")
    assert status == 413
    assert b"<html>" in body


def test_a_stock_proxy_passes_no_websockets(stock: Proxy) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        stock.first_packet()
