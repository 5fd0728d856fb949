"""Puts the translation catalogues and the libraries of the pages into a wheel."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg] # its parameter is hatchling's own configuration
    """hatchling's hook: only a real wheel needs them, an editable install has scripts/dev.sh."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel's files are gathered."""
        if version == "editable":
            return
        root = Path(self.root)
        subprocess.run([sys.executable, root / "scripts/messages.py", "compile"], cwd=root, check=True)
        if (root / "src/whisper_appliance/pages/static/vendor/icons.svg").exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "npm is needed to build the wheel; run ./scripts/dev.sh setup first, which brings its own."
            )
        subprocess.run([npm, "ci", "--silent"], cwd=root, check=True)
        subprocess.run([sys.executable, root / "scripts/vendor.py"], cwd=root, check=True)
