"""One user's cookies, by the standard library's rules."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request


class Cookies:
    """Keeps what `Set-Cookie` said and gives the `Cookie` line of a request."""

    def __init__(self, origin_url: str) -> None:
        self._origin_url = origin_url
        self._jar = CookieJar()

    def keep(self, target: str, set_cookie: Iterable[str]) -> None:
        """What the answer to a request for `target` said."""
        answer: Any = _Answer(set_cookie)
        self._jar.extract_cookies(answer, Request(self._origin_url + target))

    def header(self, target: str) -> tuple[tuple[str, str], ...]:
        """The header for a request for `target`: none or one."""
        request = Request(self._origin_url + target)
        self._jar.add_cookie_header(request)
        cookie = request.get_header("Cookie")
        return (("Cookie", cookie),) if cookie else ()


class _Answer:
    """As much of a response as the cookie jar looks at."""

    def __init__(self, set_cookie: Iterable[str]) -> None:
        self._message = Message()
        for line in set_cookie:
            self._message["Set-Cookie"] = line

    def info(self) -> Message:
        return self._message
