"""Whether a key takes ever new values: constants don't, what a request brings does, most names tell."""

from __future__ import annotations

import re
from typing import Literal

from tree_sitter import Node

from harness.review.program import Function, assigned_values
from harness.review.reach import REQUEST_TYPE
from harness.review.syntax import CALLS, LOOPS, called, is_constant, of_type, text, variable, walk, within

KeyKind = Literal["append", "few", "unknown", "new"]

_NEW_CALLS = {
    "uniqid", "spl_object_hash", "spl_object_id", "random_bytes", "random_int", "rand", "mt_rand", "microtime",
    "hrtime", "time", "uuid", "getuid", "getcid", "id", "count", "getpath", "geturi", "getqueryparams", "input",
    "query", "header", "getheaderline", "getcookieparams", "getparsedbody", "getattribute", "route", "getfd",
}  # fmt: skip
_NEW_NAMES = re.compile(
    r"^(?:fd|uid|cid|ip|uri|url|token|user_?id|session_?id|request_?id|trace_?id|order_?id|coroutine_?id|uuid|hash|"
    r"user|session|email|phone|openid|unique_?id|message_?id)$",
    re.IGNORECASE,
)
_FEW_NAMES = re.compile(
    r"class|type|name|pool|driver|connection|channel|server|port|table|locale|lang|group|config|namespace|interface|"
    r"annotation|method|prop|column|field|event|listener|command|option|alias|abstract|concrete|path|file|dir|level|"
    r"mode|env|queue|topic|proto|schema|module|kind|status|index|priority|worker|node|host|service|target|version|format",
    re.IGNORECASE,
)


def kind_of(function: Function, key: Node | None, depth: int = 4) -> KeyKind:
    """What the values of a key will be like over many requests."""
    if key is None:
        return "append"
    if is_constant(key) or text(key) in ("static::class", "self::class", "get_class($this)"):
        return "few"
    if any(_is_new(function, node) for node in walk(key)):
        return "new"
    name = variable(key)
    if name and depth:
        for value in assigned_values(function, name):
            if kind_of(function, value, depth - 1) == "new":
                return "new"
    told = name or _last_name(key)
    if _NEW_NAMES.match(told):
        return "new"
    return "few" if _FEW_NAMES.search(told) or _is_loop_key(function, key, name) else "unknown"


def worst(kinds: list[KeyKind]) -> KeyKind:
    return max(kinds, key=("few", "unknown", "append", "new").index)


def _is_new(function: Function, node: Node) -> bool:
    if node.type in ("update_expression",):
        return True
    if node.type in CALLS and called(node).lower() in _NEW_CALLS:
        return True
    name = variable(node)
    if name in ("_GET", "_POST", "_COOKIE", "_SERVER", "_REQUEST"):
        return True
    return bool(name) and any(REQUEST_TYPE.search(owner) for owner in function.parameters.get(name, ()))


def _is_loop_key(function: Function, key: Node, name: str) -> bool:
    """Counted in a loop around it: as many as the loop has turns, the same at the next request."""
    loops = [around for around in within(key, function.body) if around.type in LOOPS]
    return bool(name) and any(name in {variable(v) for v in of_type(loop, "variable_name")} for loop in loops)


def _last_name(node: Node) -> str:
    names = [text(found) for found in of_type(node, "name")]
    return names[-1] if names else ""
