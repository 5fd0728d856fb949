"""A real nginx in front of a real appliance: with the configuration of `deploy/nginx`, and as nginx comes."""

import json
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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

    def first_packet(self, prefix: str = "") -> str:
        """What Socket.IO sends first over a WebSocket."""
        scheme = "wss" if self.scheme == "https" else "ws"
        url = f"{scheme}://localhost:{self.port}{prefix}/socket.io/?EIO=4&transport=websocket"
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
        process.wait(60)


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


def send_three_megabytes(proxy: Proxy, path: str) -> tuple[int, bytes]:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = head + bytes(3_000_000) + b"\r\n--x--\r\n"
    return proxy.open(path, body, Content_Type="multipart/form-data; boundary=x")


def test_pages_and_large_uploads_pass_the_proxy(proxy: Proxy) -> None:
    assert proxy.open("/")[0] == 200
    status, answer = send_three_megabytes(proxy, "/transcribe")
    assert status != 413
    assert json.loads(answer)["error"]["message"], "the appliance answers, not nginx"


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


def documented_part_of_a_site() -> tuple[str, str]:
    """What docs/proxies.md says for `http` and for the server of the site."""
    page = (ROOT / "docs/proxies.md").read_text()
    lines = re.search(r"^```\n(map .*?^}\n)\n(location /stt/ .*?^}\n)```", page, re.MULTILINE | re.DOTALL)
    assert lines
    return lines[1], lines[2]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An appliance that is a part of another site."""
    settings = {"HTTPS_ENABLED": "false", "TRUSTED_PROXIES": "1", "URL_PREFIX": "/stt"}
    settings |= {"MODEL_DOWNLOADS": "false", "WHISPER_MODEL": "small.en"}
    with served(tmp_path_factory.mktemp("part"), REAL, **settings) as server:
        yield server


def check_part(site: Proxy) -> None:
    """Whether everything of the appliance is below its path."""
    status, page = site.open("/stt/")
    addresses = set(re.findall(r'(?:src|href)="(/[^"#]*)', page.decode()))
    assert status == 200
    assert all(address.startswith("/stt/") for address in addresses), addresses
    assert {site.open(address)[0] for address in addresses} == {200}
    assert site.open("/stt")[0] == 200, "the proxy leads to /stt/"
    assert site.first_packet("/stt").startswith("0{")
    assert json.loads(send_three_megabytes(site, "/stt/transcribe")[1])["error"]["message"]


def test_a_part_of_another_site_works_as_the_documentation_says(part: Server, tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip("nginx is not here: apt-get install nginx-light")
    port, (for_http, location) = free_port(), documented_part_of_a_site()
    location = location.replace("127.0.0.1:5001", f"127.0.0.1:{part.port}")
    with nginx(tmp_path, f"{for_http} server {{ listen 127.0.0.1:{port}; {location} }}"):
        check_part(Proxy(port, "http"))


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Runs Caddy with a configuration, until the test ends."""
    program, running = shutil.which("caddy"), []
    if program is None:
        pytest.skip("caddy is not here: apt-get install caddy")

    def run(text: str) -> None:
        (tmp_path / "Caddyfile").write_text("{\n    admin off\n    auto_https off\n}\n" + text)
        command = [program, "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
        folders = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        with (tmp_path / "caddy.log").open("w") as log:
            running.append(subprocess.Popen(command, env=folders, stdout=log, stderr=log))

    yield run
    for process in running:
        process.terminate()
        process.wait(60)


def test_caddy_works_as_the_documentation_says(
    appliance: Server, part: Server, caddy: Callable[[str], None], tmp_path: Path
) -> None:
    page = (ROOT / "docs/proxies.md").read_text()
    site = re.search(r"^```\n(speech\.example\.org \{.*?^\})$", page, re.MULTILINE | re.DOTALL)
    below_stt = re.search(r"^```\n(redir /stt .*?^\})$", page, re.MULTILINE | re.DOTALL)
    assert site
    assert below_stt
    ports, address = (free_port(), free_port()), "127.0.0.1:5001"
    text = site[1].replace("speech.example.org", f"http://localhost:{ports[0]}")
    text = text.replace(address, f"127.0.0.1:{appliance.port}")
    text += f"\nhttp://localhost:{ports[1]} {{\n{below_stt[1]}\n}}\n"
    caddy(text.replace(address, f"127.0.0.1:{part.port}"))
    whole, below = (Proxy(port, "http") for port in ports)

    def answers() -> bool:
        with suppress(urllib.error.URLError, ConnectionError):
            return whole.open("/")[0] == 200
        return False

    wait_until(answers, reason=lambda: (tmp_path / "caddy.log").read_text())
    assert whole.first_packet().startswith("0{")
    assert json.loads(send_three_megabytes(whole, "/transcribe")[1])["error"]["message"]
    check_part(below)
