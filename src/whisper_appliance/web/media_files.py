"""Media files as responses: ranges, validators, and a type of our own choice."""

from pathlib import Path

from flask import Response, request
from werkzeug.utils import send_file

MAX_RANGE_BYTES = 2 * 2**20
"""A player that is paused stops reading. Short ranges end all the same, and free their thread."""
DOWNLOAD_TYPE = "application/octet-stream"


def media_response(path: Path, media_type: str, *, download_name: str | None = None) -> Response:
    """The response with a recording, or the range of it that the request wants (RFC 9110, section 14).

    An open or long range gets its beginning; players request the next one. Without a media type it is only to
    be saved, because browsers cannot play it.
    """
    sent = send_file(
        path,
        _with_short_range(dict(request.environ)),
        mimetype=media_type or DOWNLOAD_TYPE,
        as_attachment=download_name is not None,
        download_name=download_name or "recording",
        conditional=True,
    )
    sent.headers["Cache-Control"] = "private, no-cache"
    return Response(sent.response, sent.status, sent.headers, direct_passthrough=True)


def _with_short_range(environ: dict[str, object]) -> dict[str, object]:
    wanted = request.range
    if wanted and wanted.units == "bytes" and len(wanted.ranges) == 1:
        start, stop = wanted.ranges[0]
        if start >= 0 and (stop is None or stop - start > MAX_RANGE_BYTES):
            environ["HTTP_RANGE"] = f"bytes={start}-{start + MAX_RANGE_BYTES - 1}"
    return environ
