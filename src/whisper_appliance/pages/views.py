"""The pages people open. They are frames; what they show, their scripts fetch from the API."""

from flask import render_template
from pydantic import BaseModel, Field

from whisper_appliance import __version__
from whisper_appliance.transcript.languages import LANGUAGES
from whisper_appliance.web.auth import visitors
from whisper_appliance.web.context import appliance
from whisper_appliance.web.lazy_openapi import Blueprint
from whisper_appliance.web.openapi import PAGES, page

blueprint = Blueprint("pages", __name__, abp_tags=[PAGES])


class PagePath(BaseModel):
    """The address of the page of one transcript."""

    id: str = Field(description="Id of the transcript.", pattern="^[0-9a-f]{32}$")


@blueprint.app_context_processor
def _for_every_page() -> dict[str, object]:
    return {"version": __version__}


@blueprint.get("/", responses=page("The page to transcribe on."))
def transcribe() -> str:
    """Drop a recording, read its transcript."""
    visitors.remember_browser()
    limit = int(appliance().settings.max_upload_size)
    return render_template("transcribe.html", max_upload_bytes=limit, languages=LANGUAGES)


@blueprint.get("/history", responses=page("The transcripts of whoever asks."))
def history() -> str:
    """The transcripts of whoever asks."""
    visitors.remember_browser()
    return render_template("history.html", trash_days=appliance().settings.trash_days)


@blueprint.get("/transcripts/<hex32:id>", responses=page("One transcript, to read.", 404))
def transcript(path: PagePath) -> str:
    """One transcript, to read."""
    visitors.remember_browser()
    return render_template("transcript.html", transcript_id=path.id)


@blueprint.get("/trust", responses=page("How to trust this appliance's certificate."))
def trust() -> str:
    """How to trust this appliance's certificate, on each system."""
    visitors.remember_browser()
    certificates = appliance().certificates
    return render_template("trust.html", certificate=certificates.info() if certificates else None)
