"""What a target may call its endpoints and holders to break a report."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from harness.model.verdict import EndpointOutcome, EndpointVerdict, Holder, Verdict
from tests.unit.verdicts import endpoint, verdict_of

NAMES: Final = (
    "GET /a|b",
    "GET /a\\|b\\",
    "GET /`code` ``` `",
    "GET /<script>alert(1)</script><!-- &lt; &#124; -->",
    "GET /]]> <![CDATA[x",
    "GET /[text](http://x.invalid) ![i](x) {0} {id}",
    "GET /\x00\x1b[31m\x07\x85\u2028\u202e\u200b",
    "GET /\ud800 lone \udfff",
    "GET /\ufffe\uffff",
    "GET /a\r\n\r\n# heading\n| a | b |\n|---|---|\n",
    '=HYPERLINK("http://x.invalid")',
    "+1;=1+1",
    "-2+3",
    "@SUM(1)",
    "＝1+1",
    "\t=1",
    " =1 ",
    "@everyone #1 www.x.invalid me@x.invalid $x$ :smile: ~~gone~~",
    "1. one",
    "- item",
    "",
    "   ",
    "\"quoted\", 'and' comma",
    "GET /" + "a|`<" * 5000,
    "GET /café/☕/日本",
)

_PIECES = st.sampled_from([*(name[:60] for name in NAMES), "|", "\\", "`", "]]>", "\n", "&", " "])
TEXTS = st.lists(_PIECES | st.text(st.characters(exclude_categories=())), max_size=6).map("".join)
OUTCOMES: Final[tuple[EndpointOutcome, ...]] = ("leak", "clean", "bounded", "garbage", "inconclusive")


def verdict_about(name: str, said: str = "", outcome: EndpointOutcome = "leak") -> Verdict:
    """One endpoint of that name beside a clean one; `said` is whatever else the target has a word in."""
    holder = Holder(path=said, file=said or None, line=3, bytes_per_request=600.0, elements_per_request=1.0)
    return verdict_of(hostile_endpoint(name, said, outcome, holder), endpoint("GET /other", "clean"), notes=(said,))


def hostile_endpoint(name: str, said: str, outcome: EndpointOutcome, *holders: Holder) -> EndpointVerdict:
    found = {"500": 1, said: 2}
    return endpoint(name, outcome, cause="static", holders=holders, note=said, failures=found)
