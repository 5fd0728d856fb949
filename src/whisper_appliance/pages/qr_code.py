"""QR codes: addresses that the camera of a phone opens."""

import io

from markupsafe import Markup


def qr_svg(address: str, label: str, *, standalone: bool = False) -> Markup:
    """An SVG, black on nothing, to be inlined or a file of its own; screen readers read `label`."""
    import segno  # only a few pages have a code

    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=standalone, omitsize=True, border=2, title=label, svgclass="qr",
        lineclass=None,
    )  # fmt: skip
    return Markup(out.getvalue().decode())  # noqa: S704 - segno escapes the label
