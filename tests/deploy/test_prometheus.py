"""The alert rules with Prometheus' own test, and a Prometheus that scrapes a running appliance."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import REAL, ROOT, free_port, served
from tests.support.wait import wait_until

FOLDER = ROOT / "deploy/prometheus"
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: whisper-appliance
    scheme: https
    tls_config: {{insecure_skip_verify: true}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: apt-get install prometheus")
    return found


def test_each_trouble_alerts_and_a_healthy_appliance_does_not() -> None:
    tested = subprocess.run(
        [program("promtool"), "test", "rules", "alerts.test.yaml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stderr


def queried(port: int, query: str) -> list[Any]:
    """The result of a PromQL expression."""
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result: list[Any] = json.load(answer)["data"]["result"]
    return result


@pytest.mark.slow  # starts the real program and Prometheus
def test_prometheus_scrapes_the_appliance_and_its_alerts_see_it(tmp_path: Path) -> None:
    prometheus, port = program("prometheus"), free_port()
    with served(tmp_path, REAL, MODEL_DOWNLOADS="false", WHISPER_MODEL="small.en") as server:
        text = CONFIGURATION.format(rules=FOLDER / "alerts.yaml", port=server.port)
        (tmp_path / "prometheus.yml").write_text(text)
        process = subprocess.Popen(
            [
                *(prometheus, f"--config.file={tmp_path}/prometheus.yml"),
                *(f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address=127.0.0.1:{port}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def scraped() -> bool:
            try:
                return bool(queried(port, "ALERTS{alertname='WhisperDegraded'}"))
            except OSError:
                return False

        try:
            wait_until(scraped, reason="the alert of the degraded appliance does not wait to fire")
            (build,) = queried(port, "whisper_build_info")
            assert build["metric"]["job"] == "whisper-appliance"
            assert queried(port, "ALERTS{alertname='WhisperDown'}") == []
        finally:
            process.terminate()
            process.wait(60)
