"""What `doctor` finds on a machine, and what it proposes."""

import json
import platform
from pathlib import Path

import pytest

from whisper_appliance.config.settings import Settings, load
from whisper_appliance.monitoring import doctor, host_checks
from whisper_appliance.monitoring.host_checks import CheckResult


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags are those of x86")
@pytest.mark.parametrize(
    ("flags", "verdict"), [("fpu avx avx2", "ok"), ("fpu avx", "note"), ("fpu sse4_2", "broken")]
)
def test_a_processor_without_avx_is_named_with_the_setting(
    settings: Settings, tmp_path: Path, flags: str, verdict: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    (found,) = host_checks.processor(settings, cpuinfo)
    assert found.verdict == verdict
    assert ("processor type to host" in found.advice) == (verdict != "ok")


@pytest.mark.parametrize(
    ("issuer", "count"),
    [("http://auth.example.org", 1), ("https://auth.example.org", 0), ("http://localhost:9000", 0), ("", 0)],
)
def test_a_provider_over_plain_http_is_named(tmp_path: Path, issuer: str, count: int) -> None:
    settings = load(data_dir=tmp_path, oidc_issuer=issuer)
    assert [found.verdict for found in doctor._provider(settings)] == ["note"] * count


def test_the_last_error_of_the_log_is_shown(settings: Settings) -> None:
    log = settings.data_dir / "logs/appliance.log"
    log.parent.mkdir()
    lines = [
        {"level": "error", "event": "first", "timestamp": "2026-01-01T00:00:00Z"},
        {"level": "info", "event": "fine", "timestamp": "2026-01-02T00:00:00Z"},
        {"level": "error", "event": "secret", "logger": "jobs", "timestamp": "2026-01-03T00:00:00Z"},
    ]
    log.write_text("not json\n" + "".join(json.dumps(line) + "\n" for line in lines))
    (found,) = host_checks.recent_errors(settings)
    assert found.verdict == "note"
    assert found.text == "2 errors, the last at 2026-01-03T00:00:00Z, of jobs"


def test_a_clean_log_and_no_log_are_fine(settings: Settings) -> None:
    assert list(host_checks.recent_errors(settings)) == []
    (settings.data_dir / "logs").mkdir()
    (settings.data_dir / "logs/appliance.log").write_text("")
    assert [each.verdict for each in host_checks.recent_errors(settings)] == ["ok"]


def test_the_machine_that_runs_the_tests_passes(settings: Settings) -> None:
    found: list[CheckResult] = []
    for check in (host_checks.clock, host_checks.limits, host_checks.network_names):
        found += check(settings)
    assert {each.check for each in found} == {"clock", "limits", "name"}
    assert "broken" not in {each.verdict for each in found}
