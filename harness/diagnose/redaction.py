"""Takes credentials out of text before it is kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

PLACEHOLDER = "[redacted]"
# What is shorter is no credential: a log level, a switch.
SHORTEST = 6
_SETTING = re.compile(r"^\s*(?:client|server)-(?:id|token)\s*=\s*[\"']?([^\s\"']+)", re.MULTILINE)


def blackfire_secrets(environment: Mapping[str, str], settings: Iterable[Path]) -> list[str]:
    """The values of BLACKFIRE_* and of the ids and tokens in Blackfire's own files, the longest first."""
    found = {value for name, value in environment.items() if name.startswith("BLACKFIRE_")}
    for file in settings:
        with suppress(OSError):
            found.update(_SETTING.findall(file.read_text("utf-8", "replace")))
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def redacted(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, PLACEHOLDER)
    return text
