"""Copies the parts of the npm libraries that the pages use to static/vendor, and makes a sprite of the icons.

scripts/dev.sh and the wheel's build run it after `npm ci`. It needs Python's standard library only.
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
    "tus-js-client/dist/tus.min.js": "tus.min.js",
    "tus-js-client/LICENSE": "tus.LICENSE.txt",
    "uplot/dist/uPlot.esm.js": "uplot.esm.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "uplot/LICENSE": "uplot.LICENSE.txt",
}
TYPES = {
    "socket.io.esm.min.d.ts": 'export * from "socket.io-client";\n',
    "tus.min.d.ts": "export {};\n",
    "uplot.esm.d.ts": 'export { default } from "uplot";\n',
}
"""Where the TypeScript compiler finds the types of a copied library."""
SHAPES = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def main() -> None:
    """Makes the folder anew."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, target in COPIES.items():
        shutil.copyfile(MODULES / source, VENDOR / target)
    for target, declaration in TYPES.items():
        (VENDOR / target).write_text(declaration)
    names = (STATIC / "icons.txt").read_text().split()
    symbols = "\n".join(symbol(name) for name in names)
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
    (VENDOR / "icons.svg").write_text(sprite)


def symbol(name: str) -> str:
    """One icon of the sprite. Its colour and stroke come from the page's style sheet."""
    shapes = SHAPES.search((MODULES / "lucide-static/icons" / f"{name}.svg").read_text())
    if shapes is None:
        raise SystemExit(f"{name} of icons.txt is not an icon of Lucide.")
    inner = " ".join(line.strip() for line in shapes[1].strip().splitlines())
    return f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>'


if __name__ == "__main__":
    main()
