"""What a page loads: one style sheet for the frame of all pages, and its modules side by side."""

import re
from functools import cache
from pathlib import Path
from posixpath import join, normpath

from flask import url_for
from markupsafe import Markup

FOLDER = Path(__file__).parent.parent / "pages/static"
FRAME_SHEET = "css/frame.css"
"""A file that does not exist: `frame_sheet` is its content."""
FRAME_PARTS = ("tokens", "base", "status-bar", "controls", "transcript-row")
LAYER = '@import url("../vendor/pico.min.css") layer(pico);'
IMPORT = re.compile(r'^(?:import|export)\s[^"(;]*?(?:from\s+)?"(\.[^"]+)"', re.MULTILINE)


def frame_sheet() -> str:
    """The style sheets of the frame in one, because each request delays the first paint."""
    pico = (FOLDER / "vendor/pico.min.css").read_text("utf-8").replace('@charset "UTF-8";', "")
    parts = "".join((FOLDER / f"css/{part}.css").read_text("utf-8") for part in FRAME_PARTS)
    return parts.replace(LAYER, f"@layer pico {{{pico}}}", 1)


@cache
def modules_of(entry: str) -> tuple[str, ...]:
    """All modules that a module imports, and that those import; files in the static folder, sorted."""
    found = {entry}
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        for name in IMPORT.findall((FOLDER / module).read_text("utf-8")):
            imported = normpath(join(module, "..", name))
            if imported not in found:
                found.add(imported)
                waiting.append(imported)
    return tuple(sorted(found - {entry}))


def page_script(name: str) -> Markup:
    """The tags that start a page (`js/pages/<name>.js`) and load its modules side by side."""
    entry = f"js/pages/{name}.js"
    preload = Markup('<link rel="modulepreload" href="{}">\n')
    links = [preload.format(url_for("static", filename=module)) for module in modules_of(entry)]
    script = Markup('<script type="module" src="{}"></script>').format(url_for("static", filename=entry))
    return Markup("").join([*links, script])
