"""The probe in real workers: everyone answers, nothing stays behind, the app doesn't notice, holders are named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from statistics import median

import pytest

from harness.errors import SampleError
from harness.load.poker import Poker
from harness.model.census import ProbeInjection
from harness.model.load import LoadSpec
from harness.sample.census import cause_of_holders, growths_between
from harness.sample.declarations import sources_of_process
from harness.sample.descriptors import kept_between, open_descriptors
from harness.sample.heap import HeapReader
from harness.sample.probe import Probe, prepare_probe
from tests.integration.resident import Client, Resident, wait_until

ANSWERS_WITHIN_S = 0.05
LEAKS = Path(__file__).parents[2] / "compose/leaks/src"
RESIDENT = Path(__file__).parents[2] / "compose/resident/src"
BURST = 100

HOLDERS = {
    "static": ("static", "Leaks\\Cause\\StaticProperty::$items", LEAKS / "Cause/StaticProperty.php", "$items = []"),
    "global": ("global", "$GLOBALS['leaks_visits']", LEAKS / "Cause/GlobalVariable.php", "['leaks_visits'][]"),
    "closure": (
        "closure",
        "Leaks\\Cause\\ListenerClosure::$listeners",
        LEAKS / "Cause/ListenerClosure.php",
        "$listeners =",
    ),
    "singleton": ("singleton", "Leaks\\Cause\\SingletonProperty->log", LEAKS / "Cause/SingletonProperty.php", "$log ="),
    "nested": (
        "singleton",
        "Leaks\\Cause\\NestedHolder->tenants['acme']->sessions",
        LEAKS / "Cause/NestedHolder.php",
        "$tenants =",
    ),
    "growing-key": ("singleton", "Leaks\\Cause\\GrowingKey->cache", LEAKS / "Cause/GrowingKey.php", "$cache ="),
    "error": ("singleton", "Leaks\\Cause\\ErrorPath->pending", LEAKS / "Cause/ErrorPath.php", "$pending ="),
    "tiny": ("static", "Leaks\\Cause\\TinyStatic::$ids", LEAKS / "Cause/TinyStatic.php", "$ids ="),
    "resource": ("resource", "Leaks\\Cause\\OpenFile->uploads", LEAKS / "Cause/OpenFile.php", "$uploads ="),
    "socket": ("resource", "Leaks\\Cause\\OpenSocket->borrowed", LEAKS / "Cause/OpenSocket.php", "$borrowed ="),
    "timer": ("timer", "Resident\\Timers->timers", RESIDENT / "Timers.php", "$timers ="),
    "context": ("coroutine", "Resident\\LoopRuntime->suspended", RESIDENT / "LoopRuntime.php", "$suspended ="),
}


@pytest.fixture
def injection(tmp_path: Path) -> ProbeInjection:
    return prepare_probe(tmp_path / "probe")


@pytest.fixture
def probe(injection: ProbeInjection) -> Iterator[Probe]:
    with Probe(injection) as probe:
        yield probe


def resident(injection: ProbeInjection, **settings: int | str) -> Resident:
    return Resident(**injection.environment_over(os.environ), **settings)


def poker(client: Client) -> Callable[[], object]:
    return lambda: client.get("/health")


def no_poke() -> None:
    """These processes run PHP when a signal comes."""


def php(injection: ProbeInjection, code: str, **environment: str) -> subprocess.Popen[str]:
    """A PHP program that says "ready" when its code has run so far."""
    script = injection.folder.parent / "program.php"
    script.write_text(f"<?php {code}")
    variables = os.environ | environment
    process = subprocess.Popen(
        ["php", str(script)],
        env=variables | injection.environment_over(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if (line := process.stdout.readline()) != "ready\n":
        raise AssertionError(line + ended(process))
    return process


def heap_bytes(reader: HeapReader, pids: list[int]) -> dict[int, int]:
    return {pid: heap.heap_bytes for pid, heap in reader.read(pids).items() if heap is not None}


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed since."""
    process.terminate()
    with process:
        return process.communicate(timeout=10)[0]


DISPATCH_BY_LINE = 'echo "ready\\n"; while (fgets(STDIN) !== false) { pcntl_signal_dispatch(); }'
SLEEP = 'echo "ready\\n"; while (true) { usleep(1000); }'


def test_every_worker_answers_with_its_state(injection: ProbeInjection, probe: Probe) -> None:
    with resident(injection, WORKERS=4) as app, app.connect() as client:
        client.get("/cyclic?bytes=1000")
        workers = app.children()
        answers = probe.settle(workers, poker(client))
        assert answers.keys() == set(workers)
        assert probe.silent == {}
        for answer in answers.values():
            assert answer.heap_bytes < answer.heap_reserved_bytes
            assert answer.resources["stream"] > 0
            assert answer.classes > 100
            assert answer.uptime_s > 0
            assert (answer.coroutines, answer.timers) == (None, None)
            assert answer.reading().resources == sum(answer.resources.values())


def test_answers_come_within_50_ms(injection: ProbeInjection, probe: Probe) -> None:
    with resident(injection, WORKERS=4) as app, app.connect() as client:
        rounds = [probe.settle(app.children(), poker(client)) for _ in range(30)]
    slowest = [max(answer.after_s for answer in answers.values()) for answers in rounds]
    assert all(len(answers) == 5 for answers in rounds)
    assert median(slowest) < ANSWERS_WITHIN_S


def test_recycled_workers_answer_from_their_birth_on(injection: ProbeInjection, probe: Probe) -> None:
    seen: set[int] = set()
    with resident(injection, WORKERS=2, TASK_WORKERS=0, MAX_REQUEST=10) as app:
        for _ in range(20):
            for _ in range(10):
                with suppress(OSError), app.connect() as client:
                    client.get("/health")
            with app.connect() as client:
                workers = set(app.children())
                answers = probe.settle(workers, poker(client))
            assert {pid for pid in workers - answers.keys() if probe.silent[pid] != "it has ended"} == set()
            seen |= answers.keys()
    assert len(seen) >= 10


def test_settling_leaves_not_one_byte_in_the_heap(injection: ProbeInjection, probe: Probe) -> None:
    with resident(injection) as app, app.connect() as client:
        poke = poker(client)
        probe.settle(app.children(), poke)
        client.heap_bytes()
        before = client.heap_bytes()
        for _ in range(100):
            probe.settle(app.children(), poke)
        assert client.heap_bytes() == before


def test_a_census_leaves_nothing_but_what_the_first_one_may(injection: ProbeInjection, probe: Probe) -> None:
    with resident(injection) as app, app.connect() as client:
        worker = client.pid()
        start = client.heap_bytes()
        probe.census(worker, poker(client))
        before = client.heap_bytes()
        assert before - start <= 4096
        for _ in range(20):
            assert probe.census(worker, poker(client)).complete
        assert client.heap_bytes() == before


@pytest.mark.parametrize("route", HOLDERS)
def test_every_leak_has_its_cause_its_holder_and_its_size(injection: ProbeInjection, probe: Probe, route: str) -> None:
    cause, path, file, declaration = HOLDERS[route]
    with resident(injection, TASK_WORKERS=0) as app, app.connect() as client:
        worker = client.pid()
        for _ in range(30):
            client.get(f"/{route}")
        before, heap = probe.census(worker, poker(client)), client.json("/__heap?collect=1")["heap_bytes"]
        for _ in range(BURST):
            client.get(f"/{route}")
        cost = (client.json("/__heap?collect=1")["heap_bytes"] - heap) / BURST
        growths = growths_between(
            before, probe.census(worker, poker(client)), BURST, read_source=sources_of_process(worker)
        )
    assert [growth.holder.path for growth in growths] == [path]
    holder = growths[0].holder
    assert cause_of_holders(growths) == cause
    assert holder.file == str(file)
    assert holder.line is not None
    assert declaration in file.read_text().splitlines()[holder.line - 1]
    assert holder.bytes_per_request == pytest.approx(cost, rel=0.1)
    assert holder.elements_per_request == pytest.approx(1.0)


def test_the_holder_in_another_process_is_found_there(injection: ProbeInjection, probe: Probe) -> None:
    with resident(injection) as app, app.connect() as client:
        (task,) = set(app.children()) - {client.pid()}
        client.get("/elsewhere")
        before = probe.census(task, poker(client))
        for _ in range(BURST):
            client.get("/elsewhere")
        (growth,) = growths_between(before, probe.census(task, poker(client)), BURST)
    assert (growth.holder.path, growth.cause) == ("Leaks\\Mailbox::$kept", "static")


@pytest.mark.parametrize("route", ["static/clean", "closure/clean", "timer/clean", "big", "cyclic", "lru", "extension"])
def test_nothing_is_named_where_the_heap_stays(injection: ProbeInjection, probe: Probe, route: str) -> None:
    with resident(injection, TASK_WORKERS=0) as app, app.connect() as client:
        worker = client.pid()
        for _ in range(30):
            client.get(f"/{route}")
        before = probe.census(worker, poker(client))
        for _ in range(BURST):
            client.get(f"/{route}")
        assert growths_between(before, probe.census(worker, poker(client)), BURST) == ()


def test_kept_files_and_connections_by_descriptor(injection: ProbeInjection) -> None:
    with resident(injection, TASK_WORKERS=0) as app, app.connect() as client:
        worker = client.pid()
        before = open_descriptors(worker)
        for _ in range(10):
            client.get("/resource")
            client.get(f"/socket?peer=127.0.0.1:{app.port}")
        kept = kept_between(before, open_descriptors(worker))
    assert [count for name, count in kept.items() if re.fullmatch(r"file .*hyperleak-upload\.txt", name)] == [10]
    assert kept[f"tcp 127.0.0.1:{app.port}"] == 10


def test_who_cant_answer_is_said_and_why(injection: ProbeInjection, probe: Probe) -> None:
    without = subprocess.Popen(["php", "-n", "-r", "sleep(20);"])
    gone = subprocess.Popen(["true"])
    gone.wait()
    busy = php(injection, f"pcntl_async_signals(false); {SLEEP}")
    try:
        assert probe.settle([without.pid, gone.pid, busy.pid], no_poke, 0.2) == {}
        assert "isn't loaded" in probe.silent[without.pid]
        assert probe.silent[gone.pid] == "it has ended"
        assert "ran no PHP" in probe.silent[busy.pid]
        assert without.poll() is None, "no signal where there is no handler: it would kill"
        with pytest.raises(SampleError, match="gave no census"):
            probe.census(without.pid, no_poke, 0.1)
    finally:
        without.kill()
        without.wait()
        ended(busy)


def test_a_silent_process_gets_few_signals_and_no_more_waiting(injection: ProbeInjection, probe: Probe) -> None:
    silent = php(injection, f"pcntl_async_signals(false); {SLEEP}")
    try:
        began_s = time.monotonic()
        for _ in range(40):
            probe.settle([silent.pid], no_poke, 0.02)
        alone_s = time.monotonic() - began_s
        queued = int(re.findall(r"SigQ:\s*(\d+)", Path(f"/proc/{silent.pid}/status").read_text())[0])
    finally:
        ended(silent)
    assert alone_s < 2
    assert queued < 16


def test_who_was_silent_and_has_run_since_is_waited_for_again(injection: ProbeInjection, probe: Probe) -> None:
    """A worker that no request reached in time at first, beside one that always answers at once."""
    prompt = php(injection, SLEEP)
    idle = php(injection, f"pcntl_async_signals(false); {DISPATCH_BY_LINE}")
    assert idle.stdin is not None
    both = [prompt.pid, idle.pid]

    def poke() -> None:
        print(file=idle.stdin, flush=True)

    try:
        for _ in range(5):
            assert probe.settle(both, no_poke, 0.05).keys() == {prompt.pid}
        assert probe.settle(both, poke, 2.0).keys() == {prompt.pid}
        assert probe.missed == set()
        assert probe.settle(both, poke, 2.0, ran={idle.pid}).keys() == set(both)
        assert probe.settle(both, no_poke, 0.05, ran=both).keys() == {prompt.pid}
        assert probe.missed == {idle.pid}
        assert "ran none when asked" in probe.silent[idle.pid]
    finally:
        ended(idle)
        ended(prompt)


def test_who_runs_but_never_answers_is_waited_for_ever_more_rarely(injection: ProbeInjection, probe: Probe) -> None:
    prompt, deaf = php(injection, SLEEP), php(injection, f"pcntl_async_signals(false); {SLEEP}")
    waited = 0
    try:
        for _ in range(100):
            probe.settle([prompt.pid, deaf.pid], no_poke, 0.02, ran={deaf.pid})
            waited += deaf.pid in probe.missed
    finally:
        ended(deaf)
        ended(prompt)
    assert 3 <= waited <= 10


def test_connections_made_at_once_reach_every_worker() -> None:
    with Resident(WORKERS=2, TASK_WORKERS=0) as app, app.connect() as client:
        spec = LoadSpec(base_url=f"http://127.0.0.1:{app.port}", endpoints=(), users=1)
        with closing(Poker(spec, "/static?bytes=20000", 16)) as poke, HeapReader() as reader:
            workers = app.children()
            before = heap_bytes(reader, workers)
            for _ in range(5):
                poke.spread()
            grown = {pid: after - before[pid] for pid, after in heap_bytes(reader, workers).items()}
        assert client.get("/health")[0] == 200
    assert min(grown.values()) >= 20_000


def test_without_pcntl_the_app_runs_and_it_is_said(injection: ProbeInjection, probe: Probe, tmp_path: Path) -> None:
    (tmp_path / "ini").mkdir()
    (tmp_path / "ini/hardened.ini").write_text("disable_functions = pcntl_signal\n")
    hardened = php(injection, SLEEP, PHP_INI_SCAN_DIR=f":{tmp_path}/ini")
    try:
        assert probe.settle([hardened.pid], no_poke, 0.1) == {}
        assert "pcntl_signal() is disabled" in probe.silent[hardened.pid]
    finally:
        ended(hardened)


def test_the_apps_own_prepend_and_ini_folder_stay_in_use(
    injection: ProbeInjection, probe: Probe, tmp_path: Path
) -> None:
    (tmp_path / "ini").mkdir()
    (tmp_path / "own.php").write_text("<?php $own = 'set'; function own() { return 1; }")
    (tmp_path / "ini/app.ini").write_text(f"auto_prepend_file = {tmp_path}/own.php\nprecision = 5\n")
    code = f'echo isset($own) && own() && ini_get("precision") === "5" ? "ready\\n" : "lost\\n"; {SLEEP}'
    app = php(injection, code, PHP_INI_SCAN_DIR=f":{tmp_path}/ini")
    try:
        assert probe.settle([app.pid], no_poke, 1.0).keys() == {app.pid}
    finally:
        ended(app)


def test_the_app_notices_nothing(injection: ProbeInjection, probe: Probe) -> None:
    """Its signals, error handler, last error, output, globals and included files are as they are without the probe."""
    code = """
        set_error_handler(function () { echo "error\\n"; return true; });
        pcntl_signal(SIGUSR2, function () { echo "own signal\\n"; });
        pcntl_signal(SIGTERM, function () {
            echo json_encode([error_get_last(), ob_get_level(), umask(), array_keys($GLOBALS)]), "\\n";
            exit;
        });
        echo "ready\\n";
        while (true) { usleep(1000); }
    """
    app = php(injection, code)
    for _ in range(5):
        assert probe.settle([app.pid], no_poke, 1.0).keys() == {app.pid}
    probe.census(app.pid, no_poke)
    app.send_signal(signal.SIGUSR2)
    time.sleep(0.1)
    names = '["_GET","_POST","_COOKIE","_FILES","argv","argc","_SERVER"]'
    assert ended(app).splitlines() == ["own signal", f"[null,0,{os.umask(os.umask(0o22))},{names}]"]


def test_an_answer_that_cant_be_written_disturbs_nobody(injection: ProbeInjection, probe: Probe) -> None:
    app = php(injection, f'set_error_handler(function () {{ echo "error\\n"; }}); {SLEEP}')
    (injection.folder / "answers").rename(injection.folder / "elsewhere")
    (injection.folder / "answers").mkdir(mode=0o700)
    os.kill(app.pid, injection.signal)
    (injection.folder / "answers").rmdir()
    os.kill(app.pid, injection.signal)
    time.sleep(0.1)
    assert app.poll() is None
    assert ended(app) == ""


def test_a_request_of_the_past_is_not_answered(injection: ProbeInjection) -> None:
    app = php(injection, SLEEP)
    try:
        (injection.folder / "request").write_text(f"7 settle {time.time() - 1} 100\n")
        os.kill(app.pid, injection.signal)
        time.sleep(0.1)
        assert list(injection.answers.iterdir()) == []
    finally:
        ended(app)


@pytest.mark.parametrize("settled", [False, True])
def test_stopping_and_replacing_take_as_long_as_without(injection: ProbeInjection, probe: Probe, settled: bool) -> None:
    with resident(injection, WORKERS=2) as app, app.connect() as client:
        old = set(app.children())
        if settled:
            probe.settle(old, poker(client))
            probe.census(client.pid(), poker(client))
        client.connection.close()
        began_s = time.monotonic()
        app.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: not old & set(app.children()))
        assert app.stop() == 0
        assert time.monotonic() - began_s < 2


def test_a_signal_that_is_not_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="signal 9"):
        prepare_probe(tmp_path, signal=9)


def test_nothing_is_left_in_the_folder(injection: ProbeInjection) -> None:
    with Probe(injection) as probe, resident(injection) as app, app.connect() as client:
        probe.settle(app.children(), poker(client))
    assert list(injection.answers.iterdir()) == []
    assert not (injection.folder / "request").exists()
