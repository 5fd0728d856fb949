"""The manifests of deploy/kubernetes, filled in with the settings of this machine and the names of yours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from whisper_appliance.config.overrides import is_secret
from whisper_appliance.config.settings import Settings

Resource = dict[str, Any]

FOLDERS = (Path(__file__).parent / "kubernetes", Path(__file__).parents[3] / "deploy/kubernetes")
"""Where the manifests are: in an installed package, in a checkout."""
OF_THE_MACHINE = frozenset({
    "data_dir", "model_dir", "storage_url", "watch_folder", "output_folder", "admin_password_file",
    "host", "https_port", "https_enabled", "http_redirect", "ssl_cert_path", "ssl_key_path",
    "allowed_hosts", "certificate_names", "trusted_proxies",
})  # fmt: skip
"""Settings that describe a machine: a pod has its own folders, ports and certificate."""
SECRET_NAME = "whisper"  # noqa: S105 # a name, not a secret
"""Of the secret in the cluster."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the manifests are for. `image` is a name and a tag; `host` is the name that people open."""

    cluster: bool
    image: str
    host: str
    namespace: str = "whisper"
    gpu: bool = False
    url_prefix: str = ""


def manifest(deployment: Deployment, variables: Mapping[str, str]) -> str:
    """All resources as one YAML text. `variables` are the settings that were changed, by field name."""
    resources = [_filled_in(each, deployment, variables) for each in _resources(deployment.cluster)]
    return yaml.safe_dump_all(resources, sort_keys=False, width=120)


def secret_keys(deployment: Deployment, variables: Mapping[str, str]) -> list[str]:
    """The keys that the secret must have, e.g. `database-url`."""
    needed = {"database_url"} if deployment.cluster else set()
    keys = {_key(name) for name in needed | {name for name in variables if is_secret(name)}}
    return sorted(keys | ({"secret-key"} if deployment.cluster else set()))


def left_out(variables: Iterable[str]) -> list[str]:
    """The names of the settings that were changed on this machine, and do not apply to a pod."""
    return sorted(name.upper() for name in variables if name in OF_THE_MACHINE)


def _resources(cluster: bool) -> Iterator[Resource]:
    folder = next(folder for folder in FOLDERS if folder.is_dir()) / ("cluster" if cluster else "single")
    for file in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
        yield from yaml.safe_load_all((folder / file).read_text())


def _filled_in(resource: Resource, deployment: Deployment, variables: Mapping[str, str]) -> Resource:
    if resource["kind"] == "Namespace":
        resource["metadata"]["name"] = deployment.namespace
        return resource
    resource["metadata"]["namespace"] = deployment.namespace
    if resource["kind"] == "Ingress":
        _address(resource["spec"], deployment)
    if resource["kind"] == "StatefulSet":
        pod = resource["spec"]["template"]["spec"]
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            container["image"] = deployment.image
        appliance = pod["containers"][0]
        appliance["env"] = _environment(appliance["env"], variables)
        if deployment.gpu:
            appliance["resources"]["limits"]["nvidia.com/gpu"] = "1"
    return resource


def _address(ingress: Resource, deployment: Deployment) -> None:
    ingress["tls"][0]["hosts"] = [deployment.host]
    rule = ingress["rules"][0]
    rule["host"] = deployment.host
    rule["http"]["paths"][0]["path"] = deployment.url_prefix or "/"


def _environment(given: Sequence[Resource], variables: Mapping[str, str]) -> list[Resource]:
    """The variables of a container: those of the manifest, then the settings, in their documented order."""
    there = {each["name"] for each in given}
    own = [name for name in Settings.model_fields if name in variables and name not in OF_THE_MACHINE]
    return [*given, *(_variable(name, variables[name]) for name in own if name.upper() not in there)]


def _variable(name: str, value: str) -> Resource:
    if is_secret(name):
        return {"name": name.upper(), "valueFrom": {"secretKeyRef": {"name": SECRET_NAME, "key": _key(name)}}}
    return {"name": name.upper(), "value": value}


def _key(name: str) -> str:
    return name.replace("_", "-")
