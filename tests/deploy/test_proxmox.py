"""The Proxmox script: every branch, with stand-ins that answer as Proxmox VE's programs do."""

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import ROOT
from tests.support.shell_stand_ins import Finished, StandIns

SCRIPT = ROOT / "scripts/proxmox-standalone.sh"
PVESM = """
echo "Name             Type     Status     Total (KiB)      Used (KiB) Available (KiB)        %"
case "$*" in
  *vztmpl*) echo "local             dir     active       98497780         5128020        88320212    5.21%" ;;
  *) echo "backup            nfs   inactive              0               0               0    0.00%"
     echo "local-lvm     lvmthin     active      362307584        33332297       328975287    9.20%" ;;
esac
"""
PVEAM = """
case "$1" in
  list) echo "NAME                                                         SIZE"; {present} ;;
  available) echo "system          debian-12-standard_12.7-1_amd64.tar.zst"
             echo "system          debian-13-standard_13.1-2_amd64.tar.zst" ;;
  update) echo "update failed - see /var/log/pveam.log for details" >&2 ;;
  download) {download} ;;
esac
"""
PVESH = """
case "$*" in
  *--vmid*) if [ -e {folder}/ct-$4 ] || [ $4 = 106 ]; then echo "VM $4 already exists" >&2; exit 255; fi
            echo $4 ;;
  *) echo 105 ;;
esac
"""
LDCONFIG = """
printf '2 libs found in cache\n\tlibcuda.so.1 (libc6,x86-64) => {folder}/libcuda.so.1\n'
printf '\tlibcuda.so.1 (libc6) => /usr/lib32/libcuda.so.1\n\tlibm.so.6 (libc6,x86-64) => /lib/libm.so.6\n'
"""
PCT = """
case "$1" in
  status) [ -e {folder}/ct-$2 ] || {{ echo "Configuration file does not exist" >&2; exit 2; }}
          echo "status: $(cat {folder}/ct-$2)" ;;
  create) echo stopped >{folder}/ct-$2 ;;
  start) echo running >{folder}/ct-$2 ;;
  stop) echo stopped >{folder}/ct-$2 ;;
  destroy) {destroy} ;;
  listsnapshot) printf '%s-> before-update-20260%s01-000000 2026-01-01 00:00:00  no-description\n' \
                  '`' 1 ' `' 3 '  `' 2
                echo '   `-> not-before-update-20250101-000000 2025-01-01 as before-update-20250101-000000'
                echo '   `-> before-update-2025 2025-01-01 00:00:00  no-description'
                echo '   `-> current                     You are here!' ;;
  push) cp "$3" {folder}/pushed-${{4##*/}} ;;
  config) printf 'arch: amd64\\ntags: {tags}\\ndev0: /dev/nvidiactl,mode=0666\\n' ;;
  snapshot) {snapshot} ;;
  exec) [ -t 0 ] || cat >/dev/null # as lxc-attach, it reads what it can
        case "$*" in *hostname*) {address} ;; *"install-container.sh install"*) {install} ;; esac ;;
esac
"""


@dataclass(frozen=True)
class Host:
    """A Proxmox VE host."""

    folder: Path
    system: StandIns

    def answers(
        self,
        *,
        address: str = "echo '192.0.2.9 fd00::9'",
        install: str = "echo 'Whisper Appliance 1.0.0 runs.'",
        snapshot: str = "true",
        destroy: str = "rm {folder}/ct-$2",
        tags: str = "whisper-appliance",
        present: str = "true",
        download: str = "true",
    ) -> None:
        """How the programs of the host answer."""
        answers = {"address": address, "install": install, "snapshot": snapshot, "tags": tags}
        destroys = destroy.format(folder=self.folder)
        self.system.add("pct", PCT.format(folder=self.folder, destroy=destroys, **answers))
        self.system.add("pveam", PVEAM.format(present=present, download=download))

    def has_a_card(self) -> None:
        """Gives it an NVIDIA card, whose device for computing is made by nvidia-modprobe."""
        for name in ("nvidiactl", "nvidia0"):
            (self.folder / "dev" / name).touch()
        (self.folder / "libcuda.so.1").write_text("of driver 550")
        self.system.add("nvidia-modprobe", f"touch {self.folder}/dev/nvidia-uvm")
        self.system.add("ldconfig", LDCONFIG.format(folder=self.folder))

    @property
    def variables(self) -> dict[str, str]:
        """Where the script finds the devices of this host."""
        return {
            "NETWORK_DEVICES": str(self.folder / "net"),
            "NVIDIA": str(self.folder / "dev/nvidiactl"),
            "NVIDIA_DEVICES": str(self.folder / "dev"),
            "BOOT_SECONDS": "1",
        }

    def run(self, *arguments: str, stdin: str = "") -> Finished:
        """Runs the script in a shell of the host."""
        return self.system.run(SCRIPT, *arguments, variables=self.variables, stdin=stdin)

    def create(self, *options: str) -> Finished:
        """Runs `create` with a release."""
        return self.run("create", "--release", str(self.folder / "release"), *options)

    def made(self) -> str:
        """The call that made the container."""
        return next((call for call in self.system.calls if call.startswith("pct create")), "")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a bridge and a release, and no container yet."""
    (tmp_path / "net/vmbr0").mkdir(parents=True)
    (tmp_path / "net/eno1/device").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    release = tmp_path / "release"
    release.mkdir()
    sums = ""
    for name in (
        "whisper_appliance-1.0.0-py3-none-any.whl",
        "requirements.txt",
        "install-container.sh",
        "debug-container.sh",
    ):
        (release / name).write_text(name)
        sums += f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n"
    (release / "SHA256SUMS").write_text(sums)
    found = Host(tmp_path, StandIns(tmp_path))
    found.system.add("id", "echo 0")
    found.system.add("nproc", "echo 8")
    found.system.add("sleep")
    found.system.add("pvesm", PVESM)
    found.system.add("pvesh", PVESH.format(folder=tmp_path))
    found.system.add("pveversion", "echo 'pve-manager/8.4.1/2a5fa54a8503f96d (running kernel: 6.8.12-9-pve)'")
    found.system.add("curl")
    found.answers()
    return found


def test_a_container_is_made_and_the_appliance_installed_in_it(host: Host) -> None:
    done = host.create()
    assert done.returncode == 0, done.stderr
    made = host.made()
    assert made.startswith("pct create 105 local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst")
    assert "--unprivileged 1 --features nesting=1" in made
    assert "--rootfs local-lvm:20 --net0 name=eth0,bridge=vmbr0,ip=dhcp " in made
    assert "--cores 4 --memory 4096" in made
    assert (
        "pct exec 105 -- bash /usr/local/sbin/install-container.sh install --release /var/tmp/release"
        in host.system.calls
    )
    assert "Whisper Appliance 1.0.0 runs." in done.stdout
    assert "105 (192.0.2.9)" in done.stdout


def test_gpu_network_and_sizes_are_given_as_flags(host: Host) -> None:
    host.has_a_card()
    network = ["--address", "192.0.2.20/24", "--gateway", "192.0.2.1"]
    sizes = ["--memory", "8192", "--cores", "6", "--disk", "40", "--hostname", "speech"]
    done = host.create(
        "--id", "200", "--gpu", "--storage", "local-lvm", "--bridge", "vmbr0", *network, *sizes
    )
    assert done.returncode == 0, done.stderr
    made = host.made()
    assert "pct create 200" in made
    assert "ip=192.0.2.20/24,gw=192.0.2.1" in made
    assert "--cores 6 --memory 8192" in made
    assert f"--dev0 {host.folder}/dev/nvidiactl,mode=0666 --dev1 {host.folder}/dev/nvidia0" in made
    assert f"{host.folder}/dev/nvidia-uvm,mode=0666" in made
    assert any(call.endswith("--release /var/tmp/release --cuda") for call in host.system.calls)
    with tarfile.open(host.folder / "pushed-driver.tar") as driver:
        assert driver.getnames() == ["libcuda.so.1"], (
            "that of the container's architecture, without its folder"
        )


def test_a_template_that_is_here_is_not_downloaded(host: Host) -> None:
    host.answers(present="echo 'local:vztmpl/debian-12-standard_12.2-1_amd64.tar.zst 120.29MB'")
    assert host.create().returncode == 0
    assert "debian-12-standard_12.2-1" in host.made()
    assert not [call for call in host.system.calls if call.startswith("pveam download")]


@pytest.mark.parametrize("line", ['bash <(cat {script}) "$@"', 'cat {script} | bash -s -- "$@"'])
def test_one_line_makes_a_container_from_where_a_release_is_published(host: Host, line: str) -> None:
    (host.folder / "one-line").write_text(line.format(script=SCRIPT))
    arguments = ("create", "--release", "https://example.org/v1/")
    done = host.system.run(host.folder / "one-line", *arguments, variables=host.variables)
    assert done.returncode == 0, done.stderr
    calls = host.system.calls
    assert calls[-1].endswith("install --release https://example.org/v1")
    made = next(at for at, call in enumerate(calls) if call.startswith("pct create"))
    assert "curl -fsSL -o /dev/null https://example.org/v1/SHA256SUMS" in calls[:made]
    again = "bash <(curl -fsSL https://example.org/v1/proxmox-standalone.sh)"
    assert f"{again} remove --id 105" in done.stdout
    assert f"{again} update --id 105 --release ADDRESS" in done.stdout


def test_a_server_without_a_release_is_refused_before_anything_changes(host: Host) -> None:
    host.system.add("curl", "echo 'curl: (22) error: 404' >&2", exits=22)
    done = host.run("create", "--release", "https://example.org/v1")
    assert done.returncode == 1
    assert "no release at https://example.org/v1" in done.stderr
    assert host.made() == ""


def test_a_template_that_cannot_be_fetched_makes_nothing(host: Host) -> None:
    """`pveam update` succeeds also where it fails; then an older list may do, or there is none."""
    host.answers(download="exit 1")
    assert "not downloaded" in host.create().stderr
    host.system.add("pveam")
    assert "is this host online?" in host.create().stderr
    assert host.made() == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--id", "99"], "at least 100"),
        (["--id", "x"], "must be a number"),
        (["--memory", "512"], "at least 2048"),
        (["--cores", "9"], "this host has 8"),
        (["--disk", "5"], "at least 8"),
        (["--disk", "4000"], "GB free"),
        (["--hostname", "a_b"], "letters, digits"),
        (["--storage", "nowhere"], "does not exist"),
        (["--storage", "backup"], "backup is inactive"),
        (["--bridge", "vmbr9"], "no bridge vmbr9"),
        (["--bridge", "eno1"], "is a network card"),
        (["--address", "192.0.2.20"], "written as"),
        (["--address", "192.0.2.20/24"], "needs --gateway"),
        (["--gpu"], "driver is not loaded"),
        (["--release", "/nowhere"], "no release"),
        (["--release", "ftp://example.org"], "https only"),
        (["--wrong", "1"], "no option"),
        (["--id"], "needs a value"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_changes(
    host: Host, arguments: list[str], reason: str
) -> None:
    done = host.create(*arguments)
    assert done.returncode == 1
    assert reason in done.stderr
    assert host.made() == ""


def test_a_number_that_is_taken_is_refused(host: Host) -> None:
    """106 is a machine of another host of the cluster, which pct and qm do not list."""
    (host.folder / "ct-105").write_text("running")
    for number in ("105", "106"):
        assert f"{number} already" in host.create("--id", number).stderr
    assert host.made() == ""


def test_a_card_is_refused_where_it_cannot_be_passed_on(host: Host) -> None:
    host.has_a_card()
    host.system.add("nvidia-modprobe")
    assert "modprobe nvidia-uvm" in host.create("--gpu").stderr
    (host.folder / "dev/nvidia-uvm").touch()
    host.system.add("ldconfig")
    assert "libcuda.so.1" in host.create("--gpu").stderr
    host.system.add("pveversion", "echo 'pve-manager/7.4-17/513c62be (running kernel: 5.15.126-1-pve)'")
    assert "8.1 or newer; this is 7.4" in host.create("--gpu").stderr
    assert host.made() == ""


def test_other_systems_and_other_users_are_refused(host: Host) -> None:
    host.system.add("id", "echo 1000")
    assert "as root" in host.create().stderr
    host.system.add("id", "echo 0")
    (host.folder / "bin/pvesh").unlink()
    assert "no Proxmox VE host" in host.create().stderr


def test_a_host_without_storage_for_containers_is_refused(host: Host) -> None:
    host.system.add("pvesm", PVESM.replace('echo "local-lvm', ': "local-lvm'))
    assert "No storage" in host.create().stderr


@pytest.mark.parametrize(
    ("answers", "reason"), [({"address": "true"}, "no address"), ({"install": "exit 1"}, "It failed")]
)
def test_a_container_that_does_not_work_is_removed_again(
    host: Host, answers: dict[str, str], reason: str
) -> None:
    host.answers(**answers)
    done = host.create()
    assert done.returncode != 0
    assert reason in done.stderr
    assert "pct destroy 105 --purge 1" in host.system.calls
    assert not (host.folder / "ct-105").exists()


def test_a_container_that_cannot_be_removed_again_is_named(host: Host) -> None:
    host.answers(install="exit 1", destroy="echo 'unable to remove' >&2; exit 1")
    done = host.create()
    assert done.returncode != 0
    assert "still there. Remove it: pct destroy 105" in done.stderr


@pytest.fixture
def running(host: Host) -> Host:
    """A host on which container 105 runs."""
    assert host.create().returncode == 0
    host.system.forget_calls()
    return host


def test_an_update_takes_a_snapshot_and_installs_the_release(running: Host) -> None:
    release = ["--release", str(running.folder / "release")]
    done = running.run("update", "--id", "105", *release)
    assert done.returncode == 0, done.stderr
    assert any(call.startswith("pct snapshot 105 before-update-") for call in running.system.calls)
    assert running.system.calls[-1].endswith("install --release /var/tmp/release --cuda"), "it has the card"
    removed = [call for call in running.system.calls if call.startswith("pct delsnapshot")]
    assert removed == ["pct delsnapshot 105 before-update-20260101-000000"], "the two newest stay"
    running.answers(snapshot="exit 1")
    assert "makes no snapshots" in running.run("update", "--id", "105", *release).stderr


@pytest.mark.parametrize("failing", ["pct exec", "tar"])
def test_a_failed_update_names_the_snapshot_to_go_back_to(running: Host, failing: str) -> None:
    if failing == "tar":  # the release is not copied
        running.system.add("tar", exits=1)
    else:
        running.answers(install="exit 1")
    done = running.run("update", "--id", "105", "--release", str(running.folder / "release"))
    assert done.returncode == 1
    assert "pct rollback 105 before-update-" in done.stderr
    assert (running.folder / "ct-105").exists(), "it is not removed"


def test_an_update_brings_the_libraries_of_the_driver_that_the_host_has_now(running: Host) -> None:
    running.has_a_card()
    release = ["--release", str(running.folder / "release")]
    assert running.run("update", "--id", "105", *release).returncode == 0
    assert (running.folder / "pushed-driver.tar").exists()


def test_containers_of_others_are_left_alone(running: Host) -> None:
    running.answers(tags="database")
    for command in ("update", "remove", "status"):
        assert "was not made by this script" in running.run(command, "--id", "105").stderr
    assert "no container 300" in running.run("remove", "--id", "300").stderr


def test_remove_changes_nothing_without_confirmation(running: Host) -> None:
    assert "Nothing was changed" in running.run("remove", "--id", "105", stdin="no\n").stderr
    assert (running.folder / "ct-105").exists()
    assert running.run("remove", "--id", "105", stdin="105\n").returncode == 0
    assert not (running.folder / "ct-105").exists()


def test_removing_with_yes_does_not_ask(running: Host) -> None:
    assert running.run("remove", "--id", "105", "--yes").returncode == 0
    assert not (running.folder / "ct-105").exists()


def test_status_and_diagnosis_come_from_the_appliance(running: Host) -> None:
    assert running.run("status", "--id", "105").returncode == 0
    assert running.system.calls[-1] == "pct exec 105 -- bash /usr/local/sbin/install-container.sh status"
    assert running.run("doctor", "--id", "105").returncode == 0
    assert running.system.calls[-1] == "pct exec 105 -- bash /usr/local/sbin/debug-container.sh"


def test_help_succeeds_and_a_wrong_command_fails() -> None:
    system = StandIns(Path("/nonexistent"))
    assert system.run(SCRIPT, "help", variables={}).returncode == 0
    assert system.run(SCRIPT, "wrong", variables={}).returncode == 2


def in_a_release(host: Host) -> Path:
    """The script beside the files of the release, as people download it."""
    script = host.folder / "release/proxmox-standalone.sh"
    script.write_text(SCRIPT.read_text())
    return script


def test_in_a_terminal_a_form_offers_the_choices(host: Host) -> None:
    host.has_a_card()
    answer = 'case "$*" in *Number*) echo 321 >&2 ;; *--inputbox*) echo "$7" >&2 ;; esac'
    host.system.add("whiptail", answer)
    done = host.system.run_in_terminal(in_a_release(host), "create", variables=host.variables)
    assert done.returncode == 0, done.stderr
    assert host.made().startswith("pct create 321 ")
    assert "--cores 4 --memory 4096" in host.made()
    assert f"--dev0 {host.folder}/dev/nvidiactl" in host.made()


def test_a_cancelled_form_changes_nothing(host: Host) -> None:
    host.system.add("whiptail", exits=1)
    done = host.system.run_in_terminal(in_a_release(host), "create", variables=host.variables)
    assert done.returncode == 1
    assert "Cancelled; nothing was changed" in done.stderr
    assert host.made() == ""
