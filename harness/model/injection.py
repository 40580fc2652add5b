"""A folder that a target gets to see at its start, and the variables that lead its PHP there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.model.base import Value

# Where programs are looked for in an image that doesn't say.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Injection(Value):
    """`folder` is on this host and `inside` where the app sees it: mount one at the other, writable.

    A local process sees the folder itself. `programs` is a folder inside whose programs come before those of the PATH,
    which they find in HYPERLEAK_PATH.
    """

    folder: Path
    inside: str
    environment: dict[str, str] = {}
    programs: str = ""

    @property
    def mounts(self) -> dict[str, str]:
        """Folder on the host → folder inside."""
        return {str(self.folder): self.inside}

    def environment_over(self, existing: Mapping[str, str]) -> dict[str, str]:
        """The variables to set over `existing` ones (of the image, or inherited), whose ini folders stay in use."""
        given = dict(self.environment)
        if "PHP_INI_SCAN_DIR" in given:
            given["PHP_INI_SCAN_DIR"] = existing.get("PHP_INI_SCAN_DIR", "") + given["PHP_INI_SCAN_DIR"]
        if self.programs:
            path = existing.get("PATH") or DEFAULT_PATH
            given |= {"PATH": f"{self.programs}:{path}", "HYPERLEAK_PATH": path}
        return given
