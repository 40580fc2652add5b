"""Files as a container sees them, told as files of the repository."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import NamedTuple

from harness.errors import InputError
from harness.model.verdict import EndpointVerdict, Holder, Verdict


class PathPrefix(NamedTuple):
    """What is in the folder `inside` of the target is in `folder` of the repository."""

    inside: str
    folder: str

    def relocate(self, file: str) -> str | None:
        """The file's path in the repository; None where it isn't under this prefix."""
        if not file.startswith(self.inside.rstrip("/") + "/"):
            return None
        rest = file[len(self.inside.rstrip("/")) :].lstrip("/")
        return posixpath.join(self.folder, rest) if self.folder not in ("", ".") else rest


def parse_prefix(text: str) -> PathPrefix:
    """Reads "/opt/www=app"; nothing or a dot after the sign is the repository's root. Raises InputError."""
    inside, sign, folder = text.rpartition("=")
    if not sign or not inside.startswith("/"):
        raise InputError(
            f"--path-prefix {text!r}: no absolute folder, equals sign and folder of the repository",
            hint="write it like --path-prefix /opt/www=app",
        )
    return PathPrefix(inside, folder.removeprefix("./").rstrip("/"))


def in_repository(verdict: Verdict, prefixes: Sequence[PathPrefix]) -> Verdict:
    """The same verdict with every holder's file under the longest prefix that fits; other files stay as they are."""
    longest_first = sorted(prefixes, key=lambda prefix: -len(prefix.inside))
    endpoints = tuple(_endpoint(endpoint, longest_first) for endpoint in verdict.endpoints)
    return verdict.model_copy(update={"endpoints": endpoints})


def _endpoint(endpoint: EndpointVerdict, prefixes: Sequence[PathPrefix]) -> EndpointVerdict:
    holders = tuple(_holder(holder, prefixes) for holder in endpoint.holders)
    return endpoint.model_copy(update={"holders": holders})


def _holder(holder: Holder, prefixes: Sequence[PathPrefix]) -> Holder:
    found = (prefix.relocate(holder.file) for prefix in prefixes) if holder.file else ()
    file = next((path for path in found if path is not None), holder.file)
    return holder.model_copy(update={"file": file})
