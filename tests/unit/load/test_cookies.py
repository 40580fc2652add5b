"""A user's cookies."""

from __future__ import annotations

from harness.load.cookies import Cookies


def test_a_cookie_comes_back_where_it_belongs() -> None:
    cookies = Cookies("http://127.0.0.1:9501")
    assert cookies.header("/") == ()
    cookies.keep("/login", ["session=abc; Path=/; HttpOnly", "area=1; Path=/admin"])
    assert cookies.header("/items") == (("Cookie", "session=abc"),)
    assert cookies.header("/admin/x") == (("Cookie", "area=1; session=abc"),)


def test_a_cookie_can_be_taken_away() -> None:
    cookies = Cookies("http://localhost:80")
    cookies.keep("/", ["session=abc"])
    cookies.keep("/logout", ["session=gone; Path=/; Max-Age=0"])
    assert cookies.header("/") == ()
