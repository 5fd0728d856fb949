"""`whisper-appliance models`: installed models and the catalog."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisper_appliance.cli import formatting
from whisper_appliance.cli.bootstrap import load_settings

if TYPE_CHECKING:
    from whisper_appliance.config.settings import Settings
    from whisper_appliance.models.downloads import Downloads
    from whisper_appliance.models.store import ModelStore

POLL_SECONDS = 0.5


@click.group()
def models() -> None:
    """List, download, verify and remove models."""


@models.command("list")
def list_models() -> None:
    """List the models of the catalog, and those on this machine."""
    from whisper_appliance.models.catalog import catalog
    from whisper_appliance.models.hardware import detect_gpus, recommend, this_machine

    loaded = load_settings()
    store = _store(loaded)
    machine = this_machine(() if loaded.device == "cpu" else detect_gpus())
    installed = {found.name: found for found in store.installed()}
    rows = []
    for name in [*catalog(), *(name for name in installed if name not in catalog())]:
        model, found = catalog().get(name), installed.get(name)
        rows.append(
            [
                name,
                f"yes ({found.source})" if found else "-",
                formatting.size(found.size_bytes if found else model.download_bytes if model else None),
                formatting.size(model.memory_bytes()) if model else "?",
                ("yes" if machine.fits(model) else "no") if model else "?",
                ("English" if model.languages == "en" else "many") if model else "?",
                model.licence if model else "?",
            ]
        )
    formatting.table(["MODEL", "ON THIS MACHINE", "SIZE", "MEMORY", "FITS", "LANGUAGES", "LICENCE"], rows)
    click.echo(f"\n{recommend(machine).text}")


@models.command()
@click.argument("names", nargs=-1, required=True)
def pull(names: tuple[str, ...]) -> None:
    """Download models from the hub, by a name of the list or a hub id (org/name).

    \b
    Resumes an interrupted download; a model is not used before it is verified.
    """
    from whisper_appliance.models.downloads import Downloads

    downloads = Downloads(_store())
    try:
        for name in names:
            fetch(downloads, name)
    finally:
        downloads.close()


@models.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not prompt.")
def remove(names: tuple[str, ...], yes: bool) -> None:
    """Delete models from MODEL_DIR."""
    store = _store()
    for name in names:
        if not yes:
            click.confirm(f"Delete {store.folder(name)}?", abort=True, err=True)
        store.remove(name)
        click.echo(f"{name}: removed")


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> int:
    """Verify the checksums of all files of the models; without NAMES, of all models on this machine."""
    from whisper_appliance.core.errors import ApplianceError

    store, failed = _store(), 0
    for name in names or [found.name for found in store.installed()]:
        try:
            click.echo(f"{name}: good ({store.verify(name)})")
        except ApplianceError as error:
            failed = 1
            click.echo(f"{name}: {error.message}", err=True)
    return failed


@models.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name")
def import_model(folder: Path, name: str) -> None:
    """Import FOLDER, a model in CTranslate2 format, as NAME."""
    click.echo(f"{name}: imported to {_store().import_folder(folder, name)}")


def _store(loaded: "Settings | None" = None) -> "ModelStore":
    from whisper_appliance.models.store import ModelStore

    loaded = loaded or load_settings()
    return ModelStore(loaded.model_dir, downloads_allowed=loaded.model_downloads)


def fetch(downloads: "Downloads", name: str) -> None:
    """Downloads one model with a progress bar. Raises `ModelUnavailable` if the download fails."""
    from whisper_appliance.core.errors import ModelUnavailable

    download = downloads.start(name)
    with formatting.bar(name) as bar:
        while download.active:
            download = downloads.wait(name, POLL_SECONDS) or download
            bar.update(round(download.progress * 1000) - bar.pos)
    if download.state != "done":
        raise ModelUnavailable(
            "{name} was not downloaded: {error}", name=name, error=download.error or download.state
        )
    click.echo(f"{name}: ready", err=True)
