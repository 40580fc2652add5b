"""The version of PHP, read in the program that a process runs."""

from __future__ import annotations

import os
import subprocess

from harness.sample.php_version import php_version


def test_it_is_what_php_says_of_itself() -> None:
    said = subprocess.run(["php", "-r", "echo PHP_VERSION;"], capture_output=True, text=True, check=True, timeout=20)
    with subprocess.Popen(["php", "-r", "fgets(STDIN);"], stdin=subprocess.PIPE) as php:
        found = php_version([2**22 + 1, php.pid])
        php.communicate()
    assert found is not None
    assert said.stdout.startswith(found)


def test_another_program_has_none() -> None:
    assert php_version([os.getpid()]) is None
    assert php_version([]) is None
