"""The manifests: valid for Kubernetes, joined correctly, and restricted."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.program import ROOT
from whisper_appliance.config.settings import Settings

FOLDER = ROOT / "deploy/kubernetes"
SETS = ("single", "cluster")
OLDEST = "1.31"


def kustomization(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text())
    return found


def resources(name: str) -> Iterator[dict[str, Any]]:
    """All resources of a set."""
    for file in kustomization(name)["resources"]:
        yield from yaml.safe_load_all((FOLDER / name / file).read_text())


def pods(name: str) -> list[dict[str, Any]]:
    return [each["spec"]["template"] for each in resources(name) if each["kind"] == "StatefulSet"]


@pytest.mark.parametrize("name", SETS)
def test_the_manifests_are_valid(name: str) -> None:
    import kubernetes_validate  # takes two seconds to import, of every worker that collects the tests

    for resource in resources(name):
        for version in (OLDEST, kubernetes_validate.latest_version()):
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("name", SETS)
def test_every_file_of_a_set_is_applied(name: str) -> None:
    listed = {*kustomization(name)["resources"], "kustomization.yaml"}
    assert {path.name for path in (FOLDER / name).iterdir()} == listed


@pytest.mark.parametrize("name", SETS)
def test_pods_meet_the_restricted_standard(name: str) -> None:
    for pod in pods(name):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", SETS)
def test_services_ingress_and_autoscaler_name_what_is_there(name: str) -> None:
    there = {(each["kind"], each["metadata"]["name"]): each for each in resources(name)}
    labels = [pod["metadata"]["labels"] for pod in pods(name)]
    for (kind, _), each in there.items():
        if kind == "Service":
            assert any(each["spec"]["selector"].items() <= found.items() for found in labels)
        if kind == "Ingress":
            backend = each["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
            assert ("Service", backend) in there
        if kind == "HorizontalPodAutoscaler":
            target = each["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in there


@pytest.mark.parametrize("name", SETS)
def test_every_variable_is_a_setting_and_every_mount_a_volume(name: str) -> None:
    for each in resources(name):
        if each["kind"] != "StatefulSet":
            continue
        claims = {claim["metadata"]["name"] for claim in each["spec"]["volumeClaimTemplates"]}
        spec = each["spec"]["template"]["spec"]
        volumes = claims | {volume["name"] for volume in spec["volumes"]}
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            names = {variable["name"].lower() for variable in container.get("env", [])}
            assert names <= set(Settings.model_fields)


def test_an_appliance_with_sqlite_is_never_scaled() -> None:
    replicas = [each["spec"]["replicas"] for each in resources("single") if each["kind"] == "StatefulSet"]
    assert replicas == [1]
