from __future__ import annotations

import os
import re
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.target.labels import Owner, RunLabels, owner_environment, owner_labels, start_ticks, this_process

HOSTS = st.text(st.characters(categories=["L", "N"], include_characters="-._@:"), min_size=1)


@given(st.builds(Owner, st.integers(1, 2**22), st.integers(0, 2**60), HOSTS))
def test_an_owner_is_read_back_as_it_was_written(owner: Owner) -> None:
    assert Owner.parse(str(owner)) == owner


@pytest.mark.parametrize("text", ["", "12", "12:34", "12@host", "a:b@host", "12:34@", "-1:2@host"])
def test_what_is_no_owner_is_nobody(text: str) -> None:
    assert Owner.parse(text) is None


def test_this_process_is_alive() -> None:
    assert not this_process().is_dead()


def test_a_later_process_with_the_same_pid_does_not_keep_the_owner_alive() -> None:
    me = this_process()
    assert Owner(me.pid, me.start_ticks - 1, me.host).is_dead()


def test_an_owner_on_another_host_is_never_known_to_be_dead() -> None:
    assert not Owner(2**22 + 1, 1, socket.gethostname() + "-other").is_dead()


def test_a_process_is_alive_until_it_ends_and_a_zombie_is_dead() -> None:
    child = subprocess.Popen(["sleep", "60"])
    owner = Owner(child.pid, start_ticks(child.pid) or 0, socket.gethostname())
    assert not owner.is_dead()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_dead()
    child.wait()
    assert owner.is_dead()


def test_containers_and_processes_carry_the_same_marks() -> None:
    run = RunLabels("r1", "resident static")
    labels, marks = owner_labels(run), owner_environment(run)
    assert labels == {
        "hyperleak.run": "r1",
        "hyperleak.scenario": "resident static",
        "hyperleak.owner": str(this_process()),
    }
    assert marks == {"HYPERLEAK_RUN_ID": "r1", "HYPERLEAK_OWNER": labels["hyperleak.owner"]}


@given(st.text(min_size=1))
def test_any_run_id_makes_names_that_the_engine_takes(run_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", RunLabels(run_id, "s").slug)
