"""Credentials are taken out wherever they are."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.diagnose.redaction import PLACEHOLDER, SHORTEST, blackfire_secrets, redacted

SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=40)


@given(SECRET, SECRET, st.text(max_size=20))
def test_no_secret_is_left_in_a_text(first: str, second: str, around: str) -> None:
    secrets = blackfire_secrets({"BLACKFIRE_CLIENT_ID": first, "BLACKFIRE_CLIENT_TOKEN": second, "HOME": around}, [])
    text = redacted(f"{around}{first}{around}{second}", secrets)
    assert all(secret in PLACEHOLDER or secret not in text.replace(PLACEHOLDER, "\n") for secret in secrets)


def test_those_of_the_settings_file_too_and_no_switches(tmp_path: Path) -> None:
    settings = tmp_path / ".blackfire.ini"
    settings.write_text('[blackfire]\nclient-id = "11111111-id"\nclient-token=2222222222\nlog-level=4\n')
    found = blackfire_secrets({"BLACKFIRE_LOG_LEVEL": "4"}, [settings, tmp_path / "none"])
    assert found == ["11111111-id", "2222222222"]
