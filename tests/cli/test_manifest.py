"""`whisper-appliance manifest`: what would be applied is valid, and has the settings of this machine."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from whisper_appliance.cli import cli
from whisper_appliance.config.settings import Settings
from whisper_appliance.host import kubernetes_manifest


def manifest(tmp_path: Path, *arguments: str, **variables: str) -> tuple[dict[tuple[str, str], Any], Result]:
    """The resources by kind and name, each valid for Kubernetes."""
    environment = {"DATA_DIR": str(tmp_path), **variables}
    import kubernetes_validate  # takes two seconds to import

    result = CliRunner().invoke(cli, ["manifest", *arguments], env=environment, catch_exceptions=False)
    resources = list(yaml.safe_load_all(result.stdout))
    for resource in resources:
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
    return {(each["kind"], each["metadata"]["name"]): each for each in resources}, result


def environment(resource: Any) -> dict[str, Any]:
    variables = resource["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"]["key"] for each in variables}


def test_the_settings_of_this_machine_are_those_of_the_pod(tmp_path: Path) -> None:
    arguments = [
        "--host",
        "words.example.org",
        "--image",
        "w:1",
        "--gpu",
        "--namespace",
        "n",
    ]
    changed = {"WHISPER_MODEL": "small", "ADMIN_PASSWORD": "not to be written", "URL_PREFIX": "/stt"}
    changed["TRUSTED_PROXIES"] = "2"
    there, result = manifest(tmp_path, *arguments, **changed)
    pod = there["StatefulSet", "whisper-appliance"]
    assert environment(pod)["WHISPER_MODEL"] == "small"
    assert environment(pod)["ADMIN_PASSWORD"] == "admin-password"
    assert environment(pod)["TRUSTED_PROXIES"] == "1"
    container = pod["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "w:1"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    rule = there["Ingress", "whisper"]["spec"]["rules"][0]
    assert (rule["host"], rule["http"]["paths"][0]["path"]) == ("words.example.org", "/stt")
    assert {each["metadata"].get("namespace", "n") for each in there.values()} == {"n"}
    assert "not to be written" not in result.stdout + result.stderr
    assert "--from-literal=admin-password=" in result.stderr
    assert "DATA_DIR, TRUSTED_PROXIES" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--cluster",)], ids=["as here", "asked for"])
def test_a_database_for_many_means_many_pods(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    url = {} if arguments else {"DATABASE_URL": "postgresql+psycopg://whisper:secret@127.0.0.1:1/none"}
    if url:
        pytest.importorskip("psycopg")
    there, result = manifest(tmp_path, *arguments, **url)
    assert ("StatefulSet", "whisper-worker") in there
    assert "secret@" not in result.stdout
    assert "--from-literal=database-url=… --from-literal=secret-key=…" in result.stderr


def test_what_a_pod_has_of_its_own_are_settings() -> None:
    assert set(Settings.model_fields) >= kubernetes_manifest.OF_THE_MACHINE
