"""Sends a notice to chats, mail boxes and webhooks, by apprise.

An address is a secret: a webhook's path or a bot's token is all that it takes to write there. So nothing of it is ever
shown but its scheme and its place among the addresses, and what apprise logs is masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import apprise

from harness.errors import InputError
from harness.model.notice import Notice, Severity
from harness.overheard import overheard

_KINDS: Final[dict[Severity, apprise.NotifyType]] = {
    "leak": apprise.NotifyType.FAILURE,
    "open": apprise.NotifyType.WARNING,
    "clean": apprise.NotifyType.SUCCESS,
}
# Nothing is fetched from elsewhere to decorate the message, and it says who sends it.
_ASSET: Final = apprise.AppriseAsset(
    app_id="hyperleak",
    app_desc="hyperleak",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    async_mode=False,
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_SHORTEST_SECRET: Final = 4
_LOGGER = "apprise"


@dataclass(frozen=True)
class Address:
    """Where notices go; `label` names it without its secrets."""

    label: str
    _url: str
    _service: apprise.NotifyBase

    def send(self, notice: Notice) -> str:
        """Sends, waiting some seconds at most; "" or, where it could not be delivered, why."""
        with overheard(_LOGGER) as said:
            try:
                sent = self._service.notify(
                    body=notice.body,
                    title=notice.title,
                    notify_type=_KINDS[notice.severity],
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:  # a service's own fault must not end what it is to tell of
                said.append(f"{type(error).__name__}: {error}")
                sent = False
        return "" if sent else _masked(said[-1] if said else "no reason was given", self._url)


def read_addresses(urls: Sequence[str]) -> tuple[Address, ...]:
    """The addresses in apprise's notation. Raises InputError for one that can't be used, without showing it."""
    return tuple(_read(url, f"{_scheme(url)}, address {place}") for place, url in enumerate(urls, start=1))


def _read(url: str, label: str) -> Address:
    with overheard(_LOGGER):
        service = apprise.Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)
    if not isinstance(service, apprise.NotifyBase):
        raise InputError(
            f"nothing can be notified at {label}: it is no address that apprise knows, or a part of it is wrong",
            hint="write it like slack://…, dingtalk://…, wecombot://…, feishu://…, mailto://… or json://host/path",
        )
    return Address(label, url, service)


def _scheme(url: str) -> str:
    match = _SCHEME.match(url)
    return match[1].lower() if match else "no scheme"


def _masked(reason: str, url: str) -> str:
    """The reason without any part of the address, which may be a token wherever it stands."""
    parts = {part for part in re.split(r"[/?&=:@#+,\s]+", url.partition(":")[2]) if len(part) >= _SHORTEST_SECRET}
    for part in sorted(parts, key=len, reverse=True):
        reason = reason.replace(part, "…")
    return " ".join(reason.split())
