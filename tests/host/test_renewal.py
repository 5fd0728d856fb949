"""The certificate is renewed while the server runs."""

from pathlib import Path

from structlog.testing import capture_logs

from tests.support.clock import Clock
from tests.support.wait import wait_until
from whisper_appliance.host.certificates import Certificates
from whisper_appliance.host.renewal import renew_in_background


def test_a_certificate_near_its_end_is_renewed_while_running(
    certificates: Certificates, clock: Clock
) -> None:
    path = certificates.ensure()
    before = path.read_bytes()
    with renew_in_background(certificates, check_seconds=0.01):
        clock.forward(days=380)
        wait_until(lambda: path.read_bytes() != before)
    assert path.read_bytes() != before


def test_an_unwritable_folder_does_not_end_the_renewal_thread(
    certificates: Certificates, clock: Clock, tmp_path: Path
) -> None:
    path = certificates.ensure()
    before = path.read_bytes()
    folder = path.parent
    folder.rename(tmp_path / "away")
    folder.symlink_to(
        tmp_path / "away"
    )  # a link is replaced at once: the thread makes a folder where none is
    with capture_logs() as entries, renew_in_background(certificates, check_seconds=0.01):
        (tmp_path / "in the way").touch()
        (tmp_path / "in the way").replace(folder)
        clock.forward(days=380)
        wait_until(lambda: "certificate not renewed" in [entry["event"] for entry in entries])
        (tmp_path / "back").symlink_to(tmp_path / "away")
        (tmp_path / "back").replace(folder)
        wait_until(lambda: path.read_bytes() != before)
    assert path.read_bytes() != before
