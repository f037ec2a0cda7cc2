"""`pyrometer run --metrics-port`: one process beside the command serves the sum of all of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from conftest import PACKAGE_DIR, free_port, wait_for
from prometheus_client.parser import text_string_to_metric_families
from programs import DURATION, Program, send

from pyrometer import metrics_server, run
from pyrometer.metrics_server import Address

PLAIN = """
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

GUNICORN = ("gunicorn", "--no-control-socket", "--workers", "2", "shop:app", "--bind")

Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Writes ``shop.py`` and runs a command beside it; ends it at the end."""
    programs: list[Program] = []

    def begin(source: str, *command: str, options: tuple[str, ...] = (), **env: str) -> Program:
        (tmp_path / "shop.py").write_text(source)
        program = Program(tmp_path, list(command), options, **env)
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.stop()


def scrape(port: int, path: str = "/metrics", **headers: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=10, headers=headers)


def is_served(program: Program, port: int) -> bool:
    answer = program.answers(f"http://127.0.0.1:{port}/metrics")
    return answer is not None and answer.status_code == 200


def scrape_if(program: Program, port: int) -> str:
    """The page; empty while it is not served."""
    answer = program.answers(f"http://127.0.0.1:{port}/metrics")
    return "" if answer is None else answer.text


def is_free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def value(text: str, name: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


@pytest.mark.parametrize("way", ["option", "variable"])
def test_all_workers_are_summed_by_one_process_that_ends_with_them(start: Start, way: str) -> None:
    port, metrics_port = free_port(), free_port()
    options = ("--metrics-port", str(metrics_port)) if way == "option" else ()
    env = {} if options else {"PYROMETER_METRICS_PORT": f"127.0.0.1:{metrics_port}"}
    program = start(PLAIN, *GUNICORN, f"127.0.0.1:{port}", options=options, **env)
    send(program, port, "/item/7", 20)
    pids = {program.answers(f"http://127.0.0.1:{port}/").text for _ in range(40)}
    count = f"{DURATION}_count"
    wait_for("metrics", lambda: is_served(program, metrics_port))
    wait_for("all", lambda: value(scrape(metrics_port).text, count) == program.sample(count) >= 61)
    text = scrape(metrics_port).text
    assert len(pids) == 2 and value(text, "pyrometer_workers") == 2
    names = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    # The formats and filters of any other `/metrics`.
    accept = "application/openmetrics-text; version=1.0.0"
    assert scrape(metrics_port, Accept=accept).text.endswith("# EOF\n")
    part = scrape(metrics_port, "/metrics?name[]=pyrometer_workers").text
    assert part.splitlines()[-1] == "pyrometer_workers 2.0" and part.count("# TYPE") == 1
    assert requests.post(f"http://127.0.0.1:{metrics_port}/", timeout=10).status_code == 405
    # No process of the command's, and none of its group.
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    assert {*children.read_text().split()} == pids
    assert program.stop() == 0, program.log()
    wait_for("its end", lambda: is_free(metrics_port))


def test_a_killed_command_takes_it_along(start: Start) -> None:
    metrics_port = free_port()
    source = "import prometheus_client, signal; prometheus_client.Counter('c', 'h').inc(); signal.pause()"
    options = ("--metrics-port", str(metrics_port))
    program = start(source, "python", "shop.py", options=options)
    wait_for("the count", lambda: value(scrape_if(program, metrics_port), "c_total") == 1)
    os.kill(program.process.pid, signal.SIGKILL)
    program.process.wait()
    wait_for("its end", lambda: is_free(metrics_port))


def test_a_script_that_starts_the_program_is_looked_through(start: Start) -> None:
    metrics_port = free_port()
    source = "import prometheus_client, signal; prometheus_client.Counter('c', 'h').inc(3); signal.pause()"
    script = "trap 'kill $!' TERM; python shop.py & wait"
    options = ("--metrics-port", str(metrics_port))
    program = start(source, "sh", "-c", script, options=options)
    wait_for("the count", lambda: value(scrape_if(program, metrics_port), "c_total") == 3)


def test_a_command_without_python_has_no_metrics_and_says_so(start: Start) -> None:
    metrics_port = free_port()
    program = start("", "sleep", "60", options=("--metrics-port", str(metrics_port)))
    wait_for("an answer", lambda: not is_free(metrics_port))
    answer = scrape(metrics_port)
    assert answer.status_code == 503 and "no Python program" in answer.text


def test_a_port_that_is_taken_costs_the_metrics_until_it_is_free(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        metrics_port = taken.getsockname()[1]
        source = "import prometheus_client, signal; prometheus_client.Counter('c', 'h'); signal.pause()"
        options = ("--metrics-port", str(metrics_port))
        program = start(source, "python", "shop.py", options=options)
        wait_for("it to be said", lambda: "cannot listen on 127.0.0.1:" in program.log())
        assert program.process.poll() is None
    wait_for("metrics", lambda: is_served(program, metrics_port))
    assert program.log().count("cannot listen") == 1


def test_nobody_waits_for_it(tmp_path: Path) -> None:
    """Its end of the pipes is closed with the command's, and the exit code is the command's."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pyrometer", "run", "--metrics-port", str(free_port())),
            *("--", "sh", "-c", "echo done; exit 3"),
        ],
        env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout, result.stderr) == (3, "done\n", "")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("9100", Address("127.0.0.1", 9100)),
        (" 9100 ", Address("127.0.0.1", 9100)),
        ("0.0.0.0:9100", Address("0.0.0.0", 9100)),
        ("metrics.local:1", Address("metrics.local", 1)),
        ("[::1]:65535", Address("::1", 65535)),
    ],
)
def test_an_address_is_a_port_with_or_without_a_host(typed: str, expected: Address) -> None:
    assert metrics_server.parse_address(typed) == expected


@pytest.mark.parametrize(
    "typed",
    ["", "0", "65536", "-1", "x", "9100x", "٣", "1.5", ":9100", "a:", "::1:9100", "a:b:1", "9" * 99],
)
def test_an_address_that_is_none_is_refused_before_anything_runs(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="."):
        metrics_server.parse_address(typed)
    with pytest.raises(SystemExit) as exit:
        run.parse(["--metrics-port", typed, "true"])
    assert exit.value.code == 2 and "--metrics-port" in capsys.readouterr().err


def test_the_group_is_the_commands_own_or_the_oldest_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, proc = tmp_path / "runtime", tmp_path / "proc"
    monkeypatch.setenv("PYROMETER_RUNTIME_DIR", str(runtime))
    # Process, parent, start.
    for pid, parent, start in [(10, 1, 100), (11, 10, 110), (12, 11, 105), (13, 1, 90), (14, 14, 1)]:
        (proc / str(pid)).mkdir(parents=True)
        fields = ["S", str(parent), *["0"] * 17, str(start), "0"]
        (proc / str(pid) / "stat").write_text(f"{pid} (a ) b) {' '.join(fields)}\n")
    (proc / "15").mkdir()
    (proc / "15" / "stat").write_text("nonsense")

    def announce(name: str) -> Path:
        (runtime / name).mkdir(parents=True)
        (runtime / name / "announce.json").write_text("{}")
        return runtime / name

    def found(pid: int) -> Any:
        return metrics_server.find_group(pid, proc)

    assert found(10) is None
    # Not below it, gone, another's number, never announced, and what is no group at all.
    for name in ("13-90", "16-1", "11-999", "14-1", "15-1", "x-1", "11"):
        announce(name)
    (runtime / "11-110").mkdir()
    (runtime / "file").write_text("")
    assert found(10) is None
    (runtime / "11-110" / "announce.json").write_text("{}")
    assert found(10) == runtime / "11-110"
    older = announce("12-105")
    assert found(10) == older
    announce("10-99")
    assert found(10) == older
    own = announce("10-100")
    assert found(10) == own
    (proc / "10" / "stat").unlink()
    assert found(10) in {own, runtime / "10-99"}
