"""`whisper-appliance manifest`: this machine's settings as a deployment on Kubernetes."""

import os

import click

from whisper_appliance import __version__
from whisper_appliance.cli.bootstrap import load_settings
from whisper_appliance.core.errors import ApplianceError


@click.command()
@click.option("--host", default="speech.example.org", show_default=True, help="Name that people open.")
@click.option("--image", help="Image with its tag.  [default: whisper-appliance:VERSION]")
@click.option("--namespace", default="whisper", show_default=True, help="Namespace of all resources.")
@click.option("--cluster/--single", default=None, help="Many pods on PostgreSQL, or one.  [default: as here]")
@click.option("--gpu", is_flag=True, help="Ask for one NVIDIA card for each pod that transcribes.")
def manifest(host: str, image: str | None, namespace: str, cluster: bool | None, gpu: bool) -> None:
    """Write Kubernetes manifests with the settings of this machine, for `kubectl apply -f -`.

    Secrets are not written: the pods read them from the secret `whisper`. What it must hold is said on
    stderr.
    """
    from whisper_appliance.host import kubernetes_manifest

    settings = load_settings()
    deployment = kubernetes_manifest.Deployment(
        cluster=settings.database_url is not None if cluster is None else cluster,
        image=image or f"whisper-appliance:{__version__}",
        host=host,
        namespace=namespace,
        gpu=gpu,
        url_prefix=settings.url_prefix,
    )
    variables = _changed()
    click.echo(kubernetes_manifest.manifest(deployment, variables), nl=False)
    if keys := kubernetes_manifest.secret_keys(deployment, variables):
        values = " ".join(f"--from-literal={key}=…" for key in keys)
        command = f"kubectl -n {namespace} create secret generic {kubernetes_manifest.SECRET_NAME} {values}"
        click.echo(f"The pods need a secret:  {command}", err=True)
    if names := kubernetes_manifest.left_out(variables):
        click.echo(f"Left out, because a pod has its own: {', '.join(names)}", err=True)


def _changed() -> dict[str, str]:
    """The settings that are not at their default, as text by field name.

    They are those of the environment, and those of the panel if the database answers.
    """
    from whisper_appliance.config import settings
    from whisper_appliance.config.overrides import open_overrides

    given = settings.load()
    changed = {
        name: os.environ[name.upper()] for name in given.model_fields_set if name.upper() in os.environ
    }
    try:
        with open_overrides(given) as overrides:
            return {name: each.text for name, each in overrides.stored.items()} | changed
    except ApplianceError as error:
        click.echo(f"Without the settings of the panel: {error.message}", err=True)
        return changed
