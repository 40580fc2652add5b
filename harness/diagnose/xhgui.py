"""Profiles for XHGui: a file of JSON lines, and its web import, each profile once.

Source: ImportController and NormalizingSaver of perftools/xhgui; one line of the file is one body of the import.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from harness.diagnose.xhprof import FIGURES, Edge, difference, merge
from harness.errors import InputError, MeasureError, StorageError

MARKER: Final = "xhgui-imported.json"
EXPORT: Final = "xhgui.jsonl"
_ROOT: Final = "main()"
_LIMIT_S: Final = 30.0


@dataclass(frozen=True)
class About:
    """Whose profile it is; `at_s` is Unix time."""

    run_id: str
    endpoint: str
    method: str
    url: str
    requests: int
    at_s: int

    @property
    def identity(self) -> str:
        """The same for the same endpoint of the same run."""
        return hashlib.sha256(f"{self.run_id}\n{self.endpoint}".encode()).hexdigest()[:24]


def document_of(fewer: list[Path], more: list[Path], about: About) -> dict[str, Any]:
    """All of `requests` requests in one profile. Raises ToolOutputError."""
    parts = urlsplit(about.url)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return {
        "profile": _profile(difference(merge(fewer), merge(more)), about.requests),
        "meta": {
            "url": target,
            "simple_url": parts.path or "/",
            "get": {},
            "env": {},
            "SERVER": {
                "REQUEST_METHOD": about.method,
                "REQUEST_URI": target,
                "HTTP_HOST": parts.netloc.rpartition("@")[2],
                "HYPERLEAK_RUN": about.run_id,
                "HYPERLEAK_ENDPOINT": about.endpoint,
                "HYPERLEAK_REQUESTS": about.requests,
                "HYPERLEAK_PROFILE": about.identity,
            },
            "request_ts": {"sec": about.at_s, "usec": 0},
            "request_ts_micro": {"sec": about.at_s, "usec": 0},
            "request_date": _date(about.at_s),
        },
    }


def import_profiles(folder: Path, url: str, token: str) -> list[str]:
    """Sends what is in the folder's exports and says what became of each profile; none is ever sent twice.

    `folder` is a run's `diagnosis`. Raises InputError for a wrong address, MeasureError where XHGui doesn't take one.
    """
    address = _address(url)
    known = _read_marker(folder / MARKER)
    sent = known.setdefault(address, {})
    said = []
    for file in sorted(folder.rglob(EXPORT)):
        for line in file.read_text("utf-8").splitlines():
            identity = json.loads(line)["meta"]["SERVER"]["HYPERLEAK_PROFILE"]
            name = json.loads(line)["meta"]["SERVER"]["HYPERLEAK_ENDPOINT"]
            if identity in sent:
                said.append(f"XHGui has the profile of {name} already")
                continue
            # Kept before it is sent: an answer that gets lost must not bring the profile there a second time.
            sent[identity] = ""
            _write_marker(folder / MARKER, known)
            try:
                sent[identity] = _send(address, token, line)
            except _Refused as refused:
                del sent[identity]
                _write_marker(folder / MARKER, known)
                raise MeasureError(f"XHGui at {address} did not take the profile: {refused}", hint=_HINT) from None
            _write_marker(folder / MARKER, known)
            said.append(f"XHGui has the profile of {name}: {sent[identity]}")
    return said


_HINT: Final = "check its address and its import token (upload.token of XHGui), then run the same command again"


class _Refused(Exception):
    """XHGui has certainly not kept it."""


def _send(address: str, token: str, line: str) -> str:
    """XHGui's id of the profile. The token never gets into a message."""
    query = {"token": token} if token else {}
    try:
        answer = httpx.post(
            f"{address}/run/import",
            params=query,
            content=line.encode(),
            headers={"Content-Type": "application/json"},
            timeout=_LIMIT_S,
        )
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise _Refused(f"it doesn't answer ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise MeasureError(
            f"XHGui at {address} broke off ({type(error).__name__}); it may have the profile, so it isn't sent again",
            hint=f"look there; to send it again, remove {MARKER} from the run's diagnosis folder",
        ) from None
    if answer.status_code != 200:
        raise _Refused(f"it answered {answer.status_code}")
    try:
        return str(answer.json()["id"])
    except (ValueError, KeyError, TypeError):
        raise _Refused("its answer has no id, so it isn't XHGui") from None


def _profile(edges: Mapping[Edge, Counter[str]], requests: int) -> dict[str, dict[str, int]]:
    """XHGui takes everything from `main()`: what has no caller is called by it."""
    profile: dict[str, dict[str, int]] = {}
    total: Counter[str] = Counter()
    for (caller, callee), figures in edges.items():
        if callee == _ROOT and not caller:
            continue
        # Time can't be less with more requests; memory can, where a callee frees.
        shown = {key: figures[key] if key == "mu" else max(0, figures[key]) for key in FIGURES}
        profile[f"{caller or _ROOT}==>{callee}"] = shown
        if not caller:
            total.update(shown)
    return {_ROOT: {key: requests if key == "ct" else total[key] for key in FIGURES}, **profile}


def _date(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")


def _address(url: str) -> str:
    """Without user, query or a slash at the end."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("--xhgui is not a web address", hint="write it like http://127.0.0.1:8142")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _read_marker(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        return {str(address): dict(sent) for address, sent in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} can't be read: {error}", hint="remove it if XHGui has none of this run's profiles"
        ) from error


def _write_marker(path: Path, known: Mapping[str, Mapping[str, str]]) -> None:
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}", hint="free some space") from error
