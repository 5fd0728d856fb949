"""Copies what the pages use of the npm libraries to static/vendor: a stylesheet, the
sockets, the charts, and a sprite of icons.

Run by scripts/dev.sh and by the wheel's build, after `npm ci`; needs Python's standard library only.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
STATIC = ROOT / "src/whisper_appliance/pages/static"
VENDOR = STATIC / "vendor"
COPIES = {
    "@picocss/pico/css/pico.min.css": "pico.min.css",
    "@picocss/pico/LICENSE.md": "pico.LICENSE.txt",
    "lucide-static/LICENSE": "lucide.LICENSE.txt",
    "socket.io-client/dist/socket.io.esm.min.js": "socket.io.esm.min.js",
    "socket.io-client/LICENSE": "socket.io.LICENSE.txt",
    "uplot/dist/uPlot.esm.js": "uplot.esm.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "uplot/LICENSE": "uplot.LICENSE.txt",
}
SHAPES = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def main() -> None:
    """Writes the folder anew."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, target in COPIES.items():
        shutil.copyfile(MODULES / source, VENDOR / target)
    names = (STATIC / "icons.txt").read_text().split()
    symbols = "\n".join(symbol(name) for name in names)
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
    (VENDOR / "icons.svg").write_text(sprite)


def symbol(name: str) -> str:
    """One icon of the sprite; its colour and stroke are the page's."""
    shapes = SHAPES.search((MODULES / "lucide-static/icons" / f"{name}.svg").read_text())
    if shapes is None:
        raise SystemExit(f"{name} of icons.txt is no icon of Lucide.")
    inner = " ".join(line.strip() for line in shapes[1].strip().splitlines())
    return f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>'


if __name__ == "__main__":
    main()
