"""The installer: each step once, updates that fail go back, and nothing changes before the checks."""

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import ROOT
from tests.support.shell_stand_ins import Finished, StandIns

SCRIPT = ROOT / "deploy/install-container.sh"
VENV = """
[ "$2" = venv ] || exit 0
for folder; do :; done
mkdir -p "$folder/bin" "$folder/share/whisper-appliance"
cp -r {root}/deploy/systemd {root}/deploy/nginx "$folder/share/whisper-appliance/"
touch "$folder/bin/python"; chmod +x "$folder/bin/python"
cat >"$folder/bin/pip" <<'PIP'
#!/bin/bash
echo "pip $*" >>{calls}
for last; do :; done
case "$last" in *.whl) install -m 755 "$last" "$(dirname "$0")/whisper-appliance" ;; esac
PIP
chmod +x "$folder/bin/pip"
"""
PROGRAM = """#!/bin/bash
# version {version}
echo "program-{version} $*" >>{calls}
case "$1" in
  backup) echo "{version}" >"$2"; echo "database $DATABASE_URL" >>{calls} ;;
  health) exit {health} ;;
  certificate) echo "SHA-256:     AB:CD" ;;
esac
"""


@dataclass(frozen=True)
class Host:
    """A machine below a folder."""

    root: Path
    system: StandIns

    def release(self, version: str, *, health: int = 0) -> Path:
        """A release whose program is a few lines of shell."""
        folder = self.root.parent / f"release-{version}"
        folder.mkdir(exist_ok=True)
        calls = self.system.folder / "calls"
        wheel = folder / f"whisper_appliance-{version}-py3-none-any.whl"
        wheel.write_text(PROGRAM.format(version=version, calls=calls, health=health))
        (folder / "requirements.txt").write_text("")
        sums = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in (wheel, folder / "requirements.txt")
        ]
        (folder / "SHA256SUMS").write_text("".join(sums))
        return folder

    def run(
        self,
        *arguments: str,
        os_release: str = 'ID=debian\nVERSION_ID="12"\n',
        inet6: Path = Path("/dev/null"),
    ) -> Finished:
        """Runs the installer."""
        (self.root.parent / "os-release").write_text(os_release)
        variables = {
            "PREFIX": str(self.root),
            "OS_RELEASE": str(self.root.parent / "os-release"),
            "RUNNING_SYSTEMD": str(self.root),
            "HEALTH_SECONDS": "1",
            "NVIDIA": str(self.root.parent / "nvidiactl"),
            "INET6": str(inet6),
        }
        return self.system.run(SCRIPT, *arguments, variables=variables)

    def install(
        self, version: str, *options: str, health: int = 0, inet6: Path = Path("/dev/null")
    ) -> Finished:
        """Installs, or updates to, a release of this version."""
        release = str(self.release(version, health=health))
        return self.run("install", "--release", release, *options, inet6=inet6)

    @property
    def version(self) -> str:
        """What is installed."""
        return (self.root / "opt/whisper-appliance/current").readlink().name

    @property
    def data(self) -> Path:
        return self.root / "var/lib/whisper-appliance"

    def ran(self, start: str) -> list[str]:
        """The calls that begin so."""
        return [call for call in self.system.calls if call.startswith(start)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A Debian with systemd and nothing installed."""
    system = StandIns(tmp_path)
    for name in (
        "systemctl",
        "journalctl",
        "apt-get",
        "useradd",
        "userdel",
        "ufw",
        "nginx",
        "getent",
        "chown",
    ):
        system.add(name)
    system.add("id", "echo 0")
    system.add("dpkg-query", "echo install ok installed")
    system.add("hostname", "echo 192.0.2.7")
    system.add("runuser", 'shift 3; exec "$@"')
    system.add(  # without the user, who does not exist here
        "install",
        'keep=(); while [ $# -gt 0 ]; do case "$1" in -o|-g) shift ;; *) keep+=("$1") ;; esac; shift; done\n'
        '/usr/bin/install "${keep[@]}"',
    )
    system.add("python3", VENV.format(root=ROOT, calls=tmp_path / "calls"))
    root = tmp_path / "root"
    root.mkdir()
    return Host(root, system)


@pytest.fixture
def installed(host: Host) -> Host:
    """Version 1.0.0 runs and has data."""
    assert host.install("1.0.0").returncode == 0
    (host.data / "secret.key").write_text("key")
    host.system.forget_calls()
    return host


def test_it_installs_starts_and_shows_the_address(host: Host) -> None:
    done = host.install("1.0.0")
    assert done.returncode == 0, done.stderr
    assert host.version == "1.0.0"
    assert "https://192.0.2.7:5001" in done.stdout
    assert "AB:CD" in done.stdout
    assert (host.root / "etc/systemd/system/whisper-appliance.service").exists()
    assert host.ran("pip install --quiet --disable-pip-version-check --no-deps --require-hashes")
    assert host.ran("systemctl enable --quiet whisper-appliance")


@pytest.mark.parametrize(
    ("answer", "address"),
    [
        ("echo '2001:db8::7 fd00::7'", "https://[2001:db8::7]:5001"),
        ("[ $# != 0 ] || echo box", "https://box:5001"),
        ("[ $# = 0 ] || exit 1; echo box", "https://box:5001"),
    ],
)
def test_the_address_that_it_shows_can_be_opened(host: Host, answer: str, address: str) -> None:
    """Of a network without IPv4, of a machine without a network, and of a `hostname` that fails."""
    host.system.add("hostname", answer)
    done = host.install("1.0.0")
    assert f"Open        {address}\n" in done.stdout
    assert done.returncode == 0


def test_on_ubuntu_22_04_a_newer_python_is_installed_or_the_way_to_it_is_named(host: Host) -> None:
    """Its own Python is 3.10; 3.11 is in the component universe."""
    (host.system.folder / "bin/python3").rename(host.system.folder / "bin/python3.11")
    release = ("install", "--release", str(host.release("1.0.0")))
    jammy = 'ID=ubuntu\nVERSION_ID="22.04"\nID_LIKE=debian\n'
    host.system.add("dpkg-query", "exit 1")
    host.system.add("apt-get", '[ "$1" = update ] || exit 100')
    refused = host.run(*release, os_release=jammy)
    assert refused.returncode == 1
    assert "python3.11 python3.11-venv ca-certificates libseccomp2" in refused.stderr
    assert "add-apt-repository universe" in refused.stderr
    assert list(host.root.iterdir()) == []
    host.system.add("apt-get")
    assert host.run(*release, os_release=jammy).returncode == 0
    assert host.version == "1.0.0"


def test_a_second_run_installs_nothing_and_keeps_the_settings(installed: Host) -> None:
    settings = installed.root / "etc/whisper-appliance/appliance.env"
    settings.write_text("HTTPS_PORT=8443\n")
    done = installed.install("1.0.0")
    assert "https://192.0.2.7:8443" in done.stdout
    assert settings.read_text() == "HTTPS_PORT=8443\n"
    assert installed.ran("pip") == []
    assert installed.ran("program-1.0.0 backup") == []


def test_an_update_makes_a_backup_first(installed: Host) -> None:
    assert installed.install("1.1.0").returncode == 0
    assert installed.version == "1.1.0"
    calls = installed.system.calls
    backup = next(call for call in calls if call.startswith("program-1.0.0 backup"))
    assert calls.index(backup) < calls.index("systemctl restart whisper-appliance")
    assert len(list((installed.data / "before-update").glob("*-1.0.0.tar"))) == 1


def test_an_update_that_does_not_answer_goes_back_with_its_data(installed: Host) -> None:
    done = installed.install("1.1.0", health=1)
    assert done.returncode == 1
    assert "Version 1.0.0 runs again" in done.stderr
    assert installed.version == "1.0.0"
    assert len(installed.ran("program-1.0.0 restore")) == 1


def test_an_interrupted_update_keeps_the_first_backup(installed: Host) -> None:
    """The program of the interrupted update may have migrated the database already."""
    under_way = installed.root / "opt/whisper-appliance/update-under-way"
    under_way.write_text("1.0.0 /backup.tar\n")
    assert installed.install("1.1.0", health=1).returncode == 1
    assert installed.ran("program-1.0.0 backup") == []
    assert installed.ran("program-1.0.0 restore") == ["program-1.0.0 restore /backup.tar"]
    assert not under_way.exists()


def test_a_failed_backup_stops_the_update(installed: Host) -> None:
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    program.write_text("#!/bin/bash\nexit 1\n")
    done = installed.install("1.1.0")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert installed.version == "1.0.0"


def test_a_program_that_is_damaged_is_installed_anew(installed: Host) -> None:
    """Its stamp says that it is installed; it does not start."""
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    program.write_text("#!/bin/bash\nexit 1\n")
    done = installed.install("1.0.0")
    assert done.returncode == 0, done.stderr
    assert installed.ran("python3 -m venv --clear")
    assert "version 1.0.0" in program.read_text()


def test_a_setting_that_cannot_be_used_installs_nothing_anew(installed: Host) -> None:
    installed.system.add("systemctl", 'case "$1" in show) echo 2 ;; restart) exit 1 ;; esac')
    assert installed.install("1.0.0").returncode == 1
    assert installed.ran("pip") == []


def test_settings_are_read_as_systemd_reads_them(installed: Host) -> None:
    """A shell would take the part behind & for a command, and back up the wrong database."""
    url = "postgresql+psycopg://w:a$b@db/whisper?sslmode=require&connect_timeout=5"
    (installed.root / "etc/whisper-appliance/appliance.env").write_text(
        f'# a comment\n;DATABASE_URL=x\n \tDATABASE_URL = "{url}" \n# DATABASE_URL=y\nnot a name=1\n'
    )
    assert installed.install("1.1.0").returncode == 0
    assert installed.ran("database") == [f"database {url}"]


def test_settings_are_in_the_environment_and_in_no_arguments(
    installed: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of the machine reads the arguments of a program with ps."""
    settings = installed.root / "etc/whisper-appliance/appliance.env"
    settings.write_text("NAME=x\nOIDC_CLIENT_SECRET=s3 cret\n")
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    seen = installed.root / "environment"
    program.write_text(program.read_text().replace("case", f"/usr/bin/env >{seen}\ncase", 1))
    installed.system.add("env", 'exec /usr/bin/env "$@"')
    assert installed.run("status").returncode == 0
    assert installed.ran("runuser -u whisper-appliance -- ")
    assert "s3 cret" not in "".join(installed.system.calls)
    environment = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert environment.keys() - {"_", "PWD", "SHLVL"} == {
        *("PATH", "HOME", "DATA_DIR", "MODEL_DIR", "XDG_CACHE_HOME", "OIDC_CLIENT_SECRET")
    }
    assert environment["OIDC_CLIENT_SECRET"] == "s3 cret"
    assert environment["HOME"] == environment["DATA_DIR"] == str(installed.data)


def test_rollback_goes_back_to_the_version_and_the_backup_before_the_update(installed: Host) -> None:
    assert "no backup to go back to" in installed.run("rollback").stderr
    assert installed.install("1.1.0").returncode == 0
    [backup] = (installed.data / "before-update").iterdir()
    done = installed.run("rollback")
    assert done.returncode == 0, done.stderr
    assert installed.version == "1.0.0"
    assert installed.ran("program-1.0.0 restore") == [f"program-1.0.0 restore {backup}"]
    assert "runs already" in installed.run("rollback").stderr


def test_a_rollback_that_did_not_end_is_finished_by_the_next(installed: Host) -> None:
    assert installed.install("1.1.0").returncode == 0
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    works = program.read_text()
    for ends in ("kill -9 $PPID", "exit 1"):  # with the installer, which waits for it, and alone
        program.write_text(works.replace("  health)", f"  restore) {ends} ;;\n  health)"))
        assert installed.run("rollback").returncode != 0
        assert installed.version == "1.0.0"
    program.write_text(works)
    installed.system.forget_calls()
    done = installed.run("rollback")
    assert done.returncode == 0, done.stderr
    assert len(installed.ran("program-1.0.0 restore")) == 1
    assert "runs already" in installed.run("rollback").stderr


def test_an_update_after_a_rollback_that_failed_makes_no_backup(installed: Host) -> None:
    """The database is the new version's still, and the old program cannot read it."""
    assert installed.install("1.1.0").returncode == 0
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    program.write_text("#!/bin/bash\nexit 1\n")
    assert "was not restored" in installed.run("rollback").stderr
    done = installed.install("1.1.0")
    assert done.returncode == 0, done.stderr
    assert installed.version == "1.1.0"


def test_the_version_before_an_update_stays_and_one_that_failed_does_not(installed: Host) -> None:
    assert installed.install("1.1.0", health=1).returncode == 1
    assert installed.install("1.2.0").returncode == 0
    versions = (installed.root / "opt/whisper-appliance").glob("[0-9]*")
    assert {version.name for version in versions} == {"1.0.0", "1.2.0"}


def test_workers_stop_before_an_update_and_start_after_it(installed: Host) -> None:
    """An old program must not work on the database of a new one."""
    wanted = installed.root / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir()
    (wanted / "whisper-appliance-worker@card1.service").symlink_to("/nowhere")
    (installed.root.parent / "nvidiactl").touch()
    assert installed.install("1.1.0").returncode == 0
    calls, worker = installed.system.calls, "whisper-appliance-worker@card1.service"
    order = [f"systemctl stop {worker}", "systemctl restart whisper-appliance", f"systemctl restart {worker}"]
    assert [call for call in calls if call in order] == order
    for unit in ("whisper-appliance", "whisper-appliance-worker@"):
        assert (installed.root / f"etc/systemd/system/{unit}.service.d/nvidia.conf").exists()
    assert installed.run("uninstall").returncode == 0
    assert f"systemctl disable --now --quiet {worker}" in installed.system.calls


def test_a_release_on_a_server_is_fetched_with_a_curl_that_is_installed_first(host: Host) -> None:
    host.system.add("dpkg-query")
    host.system.add("curl", exits=22)
    assert host.run("install", "--release", "https://example.org/v1").returncode == 1
    calls = [call for call in host.system.calls if call.startswith(("curl", "apt-get install"))]
    assert "curl" in calls[0].split()
    assert calls[1].endswith("https://example.org/v1/SHA256SUMS")


def behind_nginx(host: Host) -> list[str]:
    """The options that put nginx in front."""
    files = [host.root.parent / name for name in ("certificate", "key")]
    for file in files:
        file.write_text("")
    return ["--nginx", "speech.example", "--certificate", str(files[0]), "--key", str(files[1])]


@pytest.mark.parametrize("fails", ["the site", "the backup", "the new version", "the same version"])
def test_what_fails_before_the_service_runs_leaves_nginx_and_settings_as_they_were(
    installed: Host, fails: str
) -> None:
    site = installed.root / "etc/nginx/conf.d/whisper-appliance.conf"
    site.parent.mkdir(parents=True)
    site.write_text("the site before")
    settings = installed.root / "etc/whisper-appliance/appliance.env"
    before = settings.read_text()
    program = installed.root / "opt/whisper-appliance/1.0.0/bin/whisper-appliance"
    if fails == "the site":
        installed.system.add("nginx", exits=1)
    elif fails == "the backup":
        program.write_text("#!/bin/bash\nexit 1\n")
    elif fails == "the same version":
        installed.system.add("systemctl", 'case "$1" in show) echo 2 ;; restart) exit 1 ;; esac')
    version = "1.0.0" if fails == "the same version" else "1.1.0"
    health = int(fails == "the new version")
    assert installed.install(version, *behind_nginx(installed), health=health).returncode == 1
    assert [path.read_text() for path in site.parent.iterdir()] == ["the site before"]
    assert settings.read_text() == before
    assert installed.ran("systemctl reload-or-restart nginx") == []


def test_nginx_gets_its_site_once_the_service_answers_with_its_settings(installed: Host) -> None:
    settings = installed.root / "etc/whisper-appliance/appliance.env"
    settings.write_text("HTTPS_PORT=8443")  # without the end of the line
    installed.system.add("systemctl", f'[ "$1" != restart ] || cat {settings} >{settings}.at-start')
    assert installed.install("1.1.0", *behind_nginx(installed)).returncode == 0
    assert "HTTPS_PORT=8443\nHTTPS_ENABLED=false\n" in Path(f"{settings}.at-start").read_text()
    calls = installed.system.calls
    health = next(call for call in calls if call.startswith("program-1.1.0 health"))
    assert calls.index(health) < calls.index("systemctl reload-or-restart nginx")


def test_a_changed_wheel_is_refused_before_anything_changes(host: Host) -> None:
    folder = host.release("1.0.0")
    next(folder.glob("*.whl")).write_text("other")
    done = host.run("install", "--release", str(folder))
    assert done.returncode == 1
    assert "not those of SHA256SUMS" in done.stderr
    assert list(host.root.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "os_release", "reason"),
    [
        (["install"], "ID=fedora\nVERSION_ID=42\n", "fedora-42"),
        (["install", "--release", "http://example.org"], 'ID=debian\nVERSION_ID="13"\n', "https only"),
        (["install", "--release", "/nowhere"], 'ID=ubuntu\nVERSION_ID="24.04"\n', "no release"),
        (["install", "--nginx", "a.example"], 'ID=debian\nVERSION_ID="12"\n', "--certificate"),
        (["install", "--nginx"], 'ID=debian\nVERSION_ID="12"\n', "needs a value"),
        (["install", "--wrong"], 'ID=debian\nVERSION_ID="12"\n', "no option"),
        (["status"], 'ID=debian\nVERSION_ID="12"\n', "not installed"),
    ],
)
def test_the_installer_refuses_with_a_reason(
    host: Host, arguments: list[str], os_release: str, reason: str
) -> None:
    done = host.run(*arguments, os_release=os_release)
    assert done.returncode == 1
    assert reason in done.stderr
    assert list(host.root.iterdir()) == []


def test_the_installer_refuses_users_other_than_root(host: Host) -> None:
    host.system.add("id", "echo 1000")
    assert "as root" in host.install("1.0.0").stderr
    assert "as root" in host.run("status").stderr


def test_nginx_and_the_firewall_are_choices(host: Host) -> None:
    done = host.install("1.0.0", *behind_nginx(host), "--firewall")
    assert done.returncode == 0, done.stderr
    site = (host.root / "etc/nginx/conf.d/whisper-appliance.conf").read_text()
    assert "server_name speech.example;" in site
    assert f"ssl_certificate {host.root.parent}/certificate;" in site
    assert "TRUSTED_PROXIES=1" in (host.root / "etc/whisper-appliance/appliance.env").read_text()
    assert {"ufw allow 22/tcp", "ufw allow 443/tcp", "ufw --force enable"} <= set(host.system.calls)
    assert "ufw allow 5001/tcp" not in host.system.calls
    assert "https://speech.example" in done.stdout


def test_nginx_does_not_listen_on_ipv6_where_the_kernel_has_none(host: Host) -> None:
    """With ipv6.disable=1, nginx would refuse the whole site."""
    site = host.root / "etc/nginx/conf.d/whisper-appliance.conf"
    for name, listens in (("if_inet6", True), ("nowhere", False)):
        (host.root.parent / "if_inet6").touch()
        done = host.install("1.0.0", *behind_nginx(host), inet6=host.root.parent / name)
        assert done.returncode == 0, done.stderr
        assert ("listen [::]:443" in site.read_text()) == listens
        assert "listen 443" in site.read_text()


def test_uninstall_keeps_the_recordings_and_purge_does_not(installed: Host) -> None:
    assert installed.run("uninstall").returncode == 0
    assert not (installed.root / "opt/whisper-appliance").exists()
    assert not (installed.root / "etc/systemd/system/whisper-appliance.service").exists()
    assert (installed.data / "secret.key").exists()
    assert installed.run("uninstall", "--purge").returncode == 0
    assert not installed.data.exists()


def test_the_units_are_hardened_and_systemd_accepts_them(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    for unit in (ROOT / "deploy/systemd").glob("*.service"):
        rated = subprocess.run(
            [program, "security", "--offline=true", "--no-pager", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"exposure level for \S+: ([\d.]+)", rated.stdout)
        assert found, rated.stderr
        assert float(found[1]) <= 2.0
        assert "Unknown" not in rated.stderr


@pytest.mark.parametrize("unit", ["whisper-appliance.service", "whisper-appliance-worker@.service"])
def test_the_units_leave_memory_to_the_machine(unit: str) -> None:
    lines = (ROOT / f"deploy/systemd/{unit}").read_text().splitlines()
    assert "MemoryMax=90%" in lines
    assert "OOMPolicy=continue" in lines  # the kernel may kill an engine, and the appliance goes on


def test_the_worker_is_restricted_as_the_appliance_is() -> None:
    restrictions = [
        (ROOT / f"deploy/systemd/{name}").read_text().partition("NoNewPrivileges")[2]
        for name in ("whisper-appliance.service", "whisper-appliance-worker@.service")
    ]
    assert restrictions[0] == restrictions[1]
