"""Values as a scenario's YAML writes them: quoted where they must be, and meaning nothing but themselves."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import quote

from harness.routes.route import Value, value_of

# In a path: what RFC 3986 allows there, without the braces of templates.
_SAFE_IN_PATH: Final = "/:@!$&'()*+,;=-._~%"
_PLAIN: Final = re.compile(r"[A-Za-z/.][\w/.,;=&@~+%() {}\[\]'!|<>*-]*")
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")


def literal(text: str) -> str:
    """The text with what a scenario would fill in kept as it is: variables and templates."""
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", _clean(text)).replace("$", "$$")


def written(text: str) -> str:
    """A text as a YAML scalar: bare where that reads back as the same, else in quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text == text.strip()
    return text if plain and ": " not in text and " #" not in text and len(text) < 200 else quoted(text)


def quoted(text: str) -> str:
    """In double quotes, as JSON writes it, which is YAML as well."""
    return json.dumps(_clean(text), ensure_ascii=False)


def template(value: Value) -> str:
    """What is sent for a value: an example as it is, else a template that makes one up."""
    if value.example is not None:
        return literal(value.example)
    if value.choices:
        return f"{{{{ random_choice([{', '.join(map(_in_template, value.choices))}]) }}}}"
    return {
        "integer": f"{{{{ random_int({value.least}, {value.most}) }}}}",
        "number": "1.5",
        "boolean": "true",
        "uuid": "{{ uuid() }}",
        "text": "{{ random_string(8) }}",
    }[value.kind]


def path_with(path: str, placeholders: dict[str, Value]) -> str:
    """The path with every placeholder filled in and everything else encoded as a URL wants it.

    Two slashes at the beginning would be a host's.
    """
    parts: list[str] = []
    at = 0
    for found in _PLACEHOLDER.finditer(path):
        parts.append(_encoded(path[at : found.start()]))
        value = placeholders.get(found[1]) or value_of(found[1])
        parts.append(template(_for_path(value)))
        at = found.end()
    return re.sub(r"^/{2,}", "/", "".join([*parts, _encoded(path[at:])]))


def json_lines(example: Any) -> list[str]:
    """A body in JSON, which is YAML as well, over as many lines as it needs."""
    return json.dumps(_escaped(example), indent=2, ensure_ascii=False, default=str).splitlines()


def _escaped(example: Any) -> Any:
    if isinstance(example, dict):
        return {literal(str(key)): _escaped(value) for key, value in example.items()}
    if isinstance(example, list):
        return [_escaped(item) for item in example]
    if isinstance(example, str):
        return literal(example)
    return example


def _for_path(value: Value) -> Value:
    example = None if value.example is None else quote(_clean(value.example), safe="") or "-"
    choices = tuple(quote(_clean(choice), safe="") for choice in value.choices if choice)
    return Value(value.kind, example, choices, value.least, value.most)


def _encoded(text: str) -> str:
    return quote(_clean(text), safe=_SAFE_IN_PATH).replace("$", "$$")


def _in_template(text: str) -> str:
    """A text in a template, in which `$` and braces mean something to others who read it before."""
    safe = re.sub(r"[^\w .,:;@+/-]", "", _clean(text))
    return f"'{safe}'"


def _clean(text: str) -> str:
    """Without what a scenario can't hold: controls, and lone surrogates, which JSON can bring in."""
    whole = text.encode("utf-8", errors="replace").decode("utf-8")
    return "".join(character if character.isprintable() else " " for character in whole)
