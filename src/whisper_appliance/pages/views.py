"""The pages for transcribing, transcripts and the certificate. Their scripts load the data from the API."""

from importlib.util import find_spec

from flask import render_template
from pydantic import Field

from whisper_appliance import __version__
from whisper_appliance.audio.formats import FILE_PICKER
from whisper_appliance.core.ids import ID_REGEX
from whisper_appliance.core.schema import Schema
from whisper_appliance.diarization.registry import is_installed
from whisper_appliance.host import installation
from whisper_appliance.pages.own_address import network_origin
from whisper_appliance.pages.qr_code import qr_svg
from whisper_appliance.web.auth import visitors
from whisper_appliance.web.auth.authentication import current_actor, current_actor_or_anonymous
from whisper_appliance.web.context import appliance
from whisper_appliance.web.i18n import language_names, translate
from whisper_appliance.web.lazy_openapi import LazyBlueprint
from whisper_appliance.web.openapi import PAGES, page_response

blueprint = LazyBlueprint("pages", __name__, abp_tags=[PAGES])


class PagePath(Schema):
    """The address of the page of one transcript."""

    id: str = Field(description="Id of the transcript.", pattern=ID_REGEX)


@blueprint.app_context_processor
def _template_globals() -> dict[str, object]:
    return {"version": __version__}


@blueprint.get(
    "/",
    responses=page_response("The page to transcribe on."),
    operation_id="pages_transcribe__get",
)
def transcribe_page() -> str:
    """Drop a recording, read its transcript."""
    visitors.set_visitor_cookie()
    limit = int(appliance().settings.max_upload_size)
    return render_template(
        "transcribe.html",
        max_upload_bytes=limit,
        languages=language_names(),
        default_language=appliance().settings.default_language,
        file_picker=FILE_PICKER,
        tells_voices=is_installed(appliance().settings.diarization_model),
        offers_webrtc=find_spec("aiortc") is not None,
        offers_addresses=appliance().settings.url_imports,
        is_set_up=appliance().accounts.users.exist(),
        recording_days=appliance().recordings.days_for(current_actor().owner),
    )


@blueprint.get(
    "/queue",
    responses=page_response("The queue of the caller."),
    operation_id="pages_queue_queue_get",
)
def queue_page() -> str:
    """The recordings of the caller that run, wait, or ended lately."""
    visitors.set_visitor_cookie()
    return render_template("queue.html")


@blueprint.get(
    "/history",
    responses=page_response("The transcripts of the caller."),
    operation_id="pages_history_history_get",
)
def history_page() -> str:
    """The transcripts of the caller."""
    visitors.set_visitor_cookie()
    return render_template("history.html", trash_days=appliance().settings.trash_days)


@blueprint.get(
    "/transcripts/<hex32:id>",
    responses=page_response("One transcript, to read.", 404),
    operation_id="pages_transcript_transcripts__hex32_id__get",
)
def transcript_page(path: PagePath) -> str:
    """One transcript, to read."""
    visitors.set_visitor_cookie()
    return render_template(
        "transcript.html",
        transcript_id=path.id,
        languages=language_names(),
        translated_from=sorted(appliance().translate_transcript.sources()),
    )


@blueprint.get(
    "/trust",
    responses=page_response("How to trust this appliance's certificate."),
    operation_id="pages_trust_trust_get",
)
def trust_page() -> str:
    """How to trust this appliance's certificate, on each system."""
    visitors.set_visitor_cookie()
    certificates = appliance().certificates
    address = f"{network_origin()}/trust"
    return render_template(
        "trust.html",
        certificate=certificates.info() if certificates else None,
        command=_certificate_command(),
        address=address,
        code=qr_svg(address, translate("QR code of {address}", address=address)),
    )


def _certificate_command() -> str:
    """The whole command for administrators; the folders of the machine are nobody else's business."""
    if not current_actor_or_anonymous().is_admin:
        return "whisper-appliance certificate"
    return installation.detect(data_dir=appliance().settings.data_dir).certificate_command
