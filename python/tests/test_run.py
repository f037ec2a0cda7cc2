"""`pyrometer run -- COMMAND`: real servers and workers, whose code knows nothing of us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import PACKAGE_DIR, free_port, wait_for
from programs import DURATION, Program, send

from pyrometer import run

FLASK = """
from flask import Flask
app = Flask("shop")
@app.route("/item/<int:n>")
def item(n):
    return str(n)
@app.route("/ready")
def ready():
    return "yes"
"""

FASTAPI = """
from fastapi import FastAPI
app = FastAPI(title="shop")
@app.get("/item/{n}")
async def item(n: int):
    return n
@app.get("/ready")
async def ready():
    return "yes"
"""

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
async def item(request):
    return PlainTextResponse("yes")
app = Starlette(routes=[Route("/item/{n:int}", item), Route("/ready", item)])
"""

DJANGO = """
import django.conf
from django.http import HttpResponse
from django.urls import path
def item(request, n=0):
    return HttpResponse(str(n))
urlpatterns = [path("item/<int:n>", item), path("ready", item)]
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""

DJANGO_ASGI = DJANGO.replace("wsgi", "asgi")

AIOHTTP = """
import sys
from aiohttp import web
async def item(request):
    return web.Response(text="yes")
app = web.Application()
app.add_routes([web.get("/item/{n}", item), web.get("/ready", item)])
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""

GUNICORN = ("gunicorn", "shop:app", "--bind", "127.0.0.1:{port}", "--no-control-socket")
GTHREAD = ("--worker-class", "gthread", "--threads", "3")
UVICORN = ("uvicorn", "shop:app", "--port", "{port}")

# Source, command, workers, the item's route, requests that can be answered at once (0: unknown).
SERVERS = {
    "gunicorn": (FLASK, (*GUNICORN, "--workers", "2"), 2, "/item/<int:n>", 2),
    "gunicorn gthread preload": (
        *(FLASK, (*GUNICORN, "--workers", "2", "--preload", *GTHREAD), 2, "/item/<int:n>", 6),
    ),
    "python -m gunicorn, Django": (
        *(DJANGO, ("python", "-m", *GUNICORN, *GTHREAD), 1, "/item/<int:n>", 3),
    ),
    "uvicorn, uvloop": (FASTAPI, (*UVICORN, "--loop", "uvloop"), 1, "/item/{n}", 0),
    "uvicorn with spawned workers": (FASTAPI, (*UVICORN, "--workers", "2"), 2, "/item/{n}", 0),
    "uvicorn, asyncio, Starlette": (
        *(STARLETTE, (*UVICORN, "--loop", "asyncio"), 1, "/item/{n}", 0),
    ),
    "waitress-serve": (
        *(FLASK, ("waitress-serve", "--listen", "127.0.0.1:{port}", "--threads", "3", "shop:app")),
        *(1, "/item/<int:n>", 3),
    ),
    "uvicorn, Django": (DJANGO_ASGI, UVICORN, 1, "/item/<int:n>", 0),
    "flask run": (FLASK, ("flask", "--app", "shop", "run", "--port", "{port}"), 1, "/item/<int:n>", 0),
    "python app.py": (AIOHTTP, ("python", "shop.py", "{port}"), 1, "/item/{n}", 0),
    "python -m app": (AIOHTTP, ("python", "-m", "shop", "{port}"), 1, "/item/{n}", 0),
}

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


@pytest.mark.parametrize(
    ("source", "command", "n_workers", "route", "n_slots"), SERVERS.values(), ids=SERVERS
)
def test_a_server_is_measured_without_a_line_in_its_code(
    start: Start, source: str, command: tuple[str, ...], n_workers: int, route: str, n_slots: int
) -> None:
    port = free_port()
    program = start(source, *(word.format(port=port) for word in command))
    send(program, port, "/item/7", 20)
    # A request is counted once its answer is sent, which the client may have before.
    count = f"{DURATION}_count"
    wait_for("all requests", lambda: program.sample(count, http_route=route) == 20)
    wait_for("an end", lambda: program.sample("http_server_active_requests") == 0)
    wait_for("all workers", lambda: program.sample("pyrometer_workers") == n_workers)
    assert program.sample("http_server_request_slots") == n_slots
    assert program.sample("http_server_startup_duration_seconds_count") >= 1
    assert program.sample("python_gc_duration_seconds_count") > 0
    if "uvicorn" in command or source is AIOHTTP:
        lag = "python_asyncio_loop_lag_seconds_count"
        wait_for("a beat", lambda: program.sample(lag) >= 1)
        wait_for("tasks", lambda: program.sample("python_asyncio_tasks") >= 1)
    if sys.version_info < (3, 13):
        wait_for("a sample", lambda: program.sample("python_gil_wait_seconds_count") >= 1)
    program.check_sound()
    announced = json.loads((program.group() / "announce.json").read_text())
    # Django's application has its settings' name, and the others their own.
    assert announced["service"] == "shop", program.log()
    assert program.stop() in (0, -signal.SIGTERM), program.log()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_a_worker_that_replaces_another_takes_its_number(
    start: Start, preload: tuple[str, ...]
) -> None:
    port = free_port()
    program = start(FLASK, *(w.format(port=port) for w in GUNICORN), "--workers", "2", *preload)
    send(program, port, "/item/7", 1)

    def numbers() -> list[str]:
        return [labels["worker"] for labels, _ in program.samples("process_memory_usage_bytes")]

    wait_for("the master and two workers", lambda: numbers() == ["0", "1", "2"])
    pid = program.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    victim = int(children.read_text().split()[0])
    starts = program.sample("pyrometer_process_starts_total")
    os.kill(victim, signal.SIGKILL)
    name = "pyrometer_process_starts_total"
    wait_for("another worker", lambda: program.sample(name) > starts)
    wait_for("its number", lambda: numbers() == ["0", "1", "2"])
    for name in (
        *("process_memory_usage_bytes", "process_thread_count"),
        *("process_unix_file_descriptor_count", "process_cpu_time_seconds_total"),
    ):
        samples = program.samples(name)
        assert len(samples) == 3 and all(value >= 0 for _, value in samples), samples
    assert program.sample("process_memory_usage_bytes") > 3e6


CELERY = """
import celery, celery.signals
app = celery.Celery("shop", broker="memory://")
@app.task
def add(a, b):
    return a + b
@celery.signals.worker_ready.connect
def send(**_):
    for n in range(10):
        add.delay(n, 1)
"""


def test_a_celery_worker_is_measured(start: Start) -> None:
    options = ("--pool", "prefork", "-c", "2", "--without-gossip", "--without-mingle")
    program = start(CELERY, "celery", "-A", "shop", "worker", *options)
    name = "task_attempts_finished_total"

    def finished() -> bool:
        assert program.process.poll() is None, program.log()
        return program.runtime_dir.is_dir() and program.sample(name) == 10

    wait_for("the tasks", finished, seconds=60)
    labels = {"messaging_system": "celery", "task_name": "shop.add", "task_state": "SUCCESS"}
    assert program.sample(name, **labels) == 10
    assert program.sample("task_queue_duration_seconds_count") == 10
    program.check_sound()


RQ = """
import signal, sys, redis, rq, shop
def add(a, b):
    return a + b
if __name__ == "__main__":
    connection = redis.Redis(port=int(sys.argv[1]))
    queue = rq.Queue("jobs", connection=connection)
    for n in range(3):
        queue.enqueue(shop.add, n, 1)
    rq.Worker([queue], connection=connection).work(burst=True)
    signal.pause()
"""


def test_an_rq_worker_is_measured(start: Start, tmp_path: Path) -> None:
    from outgoing import servers

    with servers.redis_server(tmp_path / "redis") as port:
        program = start(RQ, "python", "shop.py", str(port))
        name = "task_attempts_finished_total"

        def finished() -> bool:
            assert program.process.poll() is None, program.log()
            return program.runtime_dir.is_dir() and program.sample(name) == 3

        wait_for("the jobs", finished, seconds=60)
        labels = {"messaging_system": "rq", "task_name": "shop.add", "task_state": "finished"}
        assert program.sample(name, **labels) == 3
        program.check_sound()


GRPC = """
import asyncio, grpc, sys
from concurrent.futures import ThreadPoolExecutor
import grpc.aio
echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
async def echo_aio(request, context):
    return request
handlers = lambda one: (grpc.method_handlers_generic_handler("shop.Shop", {"Echo": one}),)
server = grpc.server(ThreadPoolExecutor(2), handlers=handlers(echo))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    for n in range(3):
        assert channel.unary_unary("/shop.Shop/Echo")(b"x") == b"x"
server.stop(None).wait()

async def main():
    one = grpc.unary_unary_rpc_method_handler(echo_aio)
    server = grpc.aio.server(handlers=handlers(one))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for n in range(2):
            assert await channel.unary_unary("/shop.Shop/Echo")(b"x") == b"x"
    await server.stop(None)
asyncio.run(main())
from prometheus_client import REGISTRY
labels = dict(rpc_system_name="grpc", rpc_method="shop.Shop/Echo", rpc_response_status_code="OK",
              error_type="")
print(REGISTRY.get_sample_value("rpc_server_call_duration_seconds_count", labels))
"""


@pytest.fixture
def output(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``shop.py``, or another command, to its end."""

    def execute(
        source: str, *command: str, options: tuple[str, ...] = (), **env: str
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "shop.py").write_text(source)
        return subprocess.run(
            [
                *(sys.executable, "-m", "pyrometer", "run", *options, "--"),
                *(command or ("python", "shop.py")),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": f"{PACKAGE_DIR}",
                "PYROMETER_RUNTIME_DIR": str(tmp_path / "runtime"),
                **env,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    return execute


Output = Callable[..., "subprocess.CompletedProcess[str]"]


def test_grpc_servers_are_measured(output: Output) -> None:
    result = output(GRPC)
    assert (result.stdout, result.returncode) == ("5.0\n", 0), result.stderr


OWN_METRICS = """
import os
from prometheus_client import REGISTRY, Counter, Histogram, generate_latest
import prometheus_client
from prometheus_flask_exporter import PrometheusMetrics
from flask import Flask
app = Flask("shop")
metrics = PrometheusMetrics(app, group_by="url_rule")
duration = Histogram("http_server_request_duration_seconds", "The application's own", ["path"])
@app.route("/item/<int:n>")
def item(n):
    duration.labels("/item").observe(1.0)
    return str(n)
client = app.test_client()
for n in range(3):
    assert client.get(f"/item/{n}").status_code == 200
text = client.get("/metrics").text
names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
assert len(names) == len(set(names)), names
lines = [line for line in text.splitlines() if not line.startswith("#")]
keys = [line.rpartition(" ")[0] for line in lines]
assert len(keys) == len(set(keys)), keys
value = REGISTRY.get_sample_value
print(value("http_server_request_duration_seconds_count", {"path": "/item"}))
print(value("flask_http_request_total", {"method": "GET", "status": "200"}))
print(prometheus_client.Counter.__module__)
"""


def test_metrics_of_the_application_keep_their_names_and_counts(output: Output) -> None:
    result = output(OWN_METRICS)
    assert result.stdout.split() == ["3.0", "3.0", "pyrometer.metrics"], result.stderr
    assert result.returncode == 0


def test_an_application_that_measures_itself_is_counted_once(output: Output) -> None:
    result = output(
        "import pyrometer\nfrom flask import Flask\n"
        "app = pyrometer.init(Flask('shop'))\n"
        "app.route('/')(lambda: 'yes')\n"
        "app.test_client().get('/')\n"
        "labels = dict(http_request_method='GET', http_route='/', http_response_status_code='200',"
        " error_type='')\n"
        "print(pyrometer.REGISTRY.get_sample_value("
        "'http_server_request_duration_seconds_count', labels))\n"
    )
    assert result.stdout == "1.0\n", result.stderr


def test_a_framework_that_is_not_what_it_was_breaks_nothing(output: Output, tmp_path: Path) -> None:
    (tmp_path / "flask").mkdir()
    (tmp_path / "flask" / "__init__.py").write_text("from .app import Flask\n")
    (tmp_path / "flask" / "app.py").write_text(
        "class Flask:\n"
        "    __slots__ = ()\n"
        "    def __call__(self, environ, start_response): return [b'yes']\n"
    )
    result = output(
        "import flask\n"
        "print(flask.Flask()(None, None))\n"
        "from prometheus_client import REGISTRY as r\n"
        "print(r.get_sample_value('pyrometer_instrumentation_errors_total', {'where': 'init'}))\n"
    )
    assert (result.stdout, result.returncode) == ("[b'yes']\n1.0\n", 0), result.stderr
    assert result.stderr.count("Traceback") == 1


def test_children_are_measured_and_other_programs_left_alone(output: Output) -> None:
    result = output(
        "import subprocess, sys\n"
        "code = 'import sys; print(\"pyrometer.automatic\" in sys.modules)'\n"
        "for options in ([], ['-E'], ['-I'], ['-S']):\n"
        "    subprocess.run([sys.executable, *options, '-c', code], check=True)\n"
        "subprocess.run(['sh', '-c', 'echo sh'], check=True)\n"
    )
    assert result.stdout.split() == ["True", "False", "False", "False", "sh"], result.stderr
    assert result.stderr == ""


def test_a_python_without_the_package_says_nothing(output: Output, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    command = (str(folder / "bin" / "python"), "-c", "print('hello')")
    result = output("", *command, PYTHONPATH="")
    assert (result.returncode, result.stdout, result.stderr) == (0, "hello\n", "")


def test_the_programs_own_sitecustomize_runs_too(output: Output, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys; print('own', __name__, __file__)\n")
    path = f"{folder}{os.pathsep}{PACKAGE_DIR}"
    result = output("import sitecustomize; print(sitecustomize.__file__)", PYTHONPATH=path)
    own = str(folder / "sitecustomize.py")
    # Once in the Python that becomes the command, and once in the command.
    assert result.stdout == f"own sitecustomize {own}\n" * 2 + f"{own}\n", result.stderr
    (folder / "sitecustomize.py").write_text("raise ValueError('on purpose')\n")
    result = output("print('goes on')", PYTHONPATH=path)
    assert (result.stdout, result.returncode) == ("goes on\n", 0)
    assert "ValueError: on purpose" in result.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("python", "-c", "raise SystemExit(7)"), 7),
        (("python", "-c", "import os; os.kill(os.getpid(), 15)"), -signal.SIGTERM),
        (("sh", "-c", "exit 3"), 3),
        # Python ignores this signal, and hands that on.
        (("sh", "-c", "kill -PIPE $$"), -signal.SIGPIPE),
        (("python", "-c", "import sys; sys.exit(sys.argv[1:] != ['-c', '--', ''])", "-c", "--", ""), 0),
    ],
)
def test_exit_codes_signals_and_arguments_are_the_commands_own(
    output: Output, command: tuple[str, ...], code: int
) -> None:
    result = output("", *command)
    assert result.returncode == code, result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "which command?"),
        (["--"], 2, "which command?"),
        (["--", ""], 2, "which command?"),
        (["--service"], 2, "--service needs a name"),
        (["--service="], 2, "--service needs a name"),
        (["--service", "x"], 2, "which command?"),
        (["--port", "1", "true"], 2, "there is no option '--port'"),
        (["--", "no-such-program"], 127, "there is no program 'no-such-program'"),
        (["/no/such/program"], 127, "there is no program '/no/such/program'"),
        (["./shop.py"], 126, "cannot be started"),
    ],
)
def test_what_cannot_be_run_is_said(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    # Executable, and no program.
    (tmp_path / "shop.py").write_bytes(b"\x00\x01")
    (tmp_path / "shop.py").chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-m", "pyrometer", "run", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == code, result.stderr
    assert said in result.stderr and "Traceback" not in result.stderr


def test_the_service_has_the_name_that_is_given(start: Start) -> None:
    program = start("import signal; signal.pause()", "python", "shop.py", options=("--service", "pay"))
    announced = wait_for("it", lambda: list(program.folder.glob("runtime/*/announce.json")))
    wait_for("its name", lambda: json.loads(announced[0].read_text())["service"] == "pay")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, run.BOOTSTRAP_DIR),
        ({"PYTHONPATH": "/a:/b"}, f"{run.BOOTSTRAP_DIR}:/a:/b"),
        ({"PYTHONPATH": f"/a::{run.BOOTSTRAP_DIR}"}, f"{run.BOOTSTRAP_DIR}:/a"),
    ],
)
def test_the_bootstrap_comes_first_and_once(environ: dict[str, str], expected: str) -> None:
    added: dict[str, Any] = run.environment(environ, None, 7)
    assert added == {"PYTHONPATH": expected, "PYROMETER_RUN": "7"}
