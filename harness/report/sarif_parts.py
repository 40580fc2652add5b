"""What SARIF documents of runs and of reviews have in common."""

from __future__ import annotations

import json
import posixpath
from typing import Any, Final
from urllib.parse import quote

from harness.report.printable import one_line

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def document(run: dict[str, Any]) -> str:
    """A log of one run, as ASCII."""
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def artifact(file: str) -> dict[str, str]:
    """Relative paths are the repository's; an absolute one is of the target and stays so."""
    uri = quote(posixpath.normpath(file), safe="/", errors="surrogatepass")
    return {"uri": f"file://{uri}"} if uri.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def message(text: str) -> dict[str, str]:
    """Plain text: what would be read as an embedded link (SARIF 3.11.6) keeps its brackets as brackets."""
    plain = one_line(text)
    return {"text": plain.replace("[", "\\[").replace("]", "\\]") if "](" in plain else plain}
