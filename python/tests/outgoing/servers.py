"""Real servers of the tests' own: free ports, data in temporary folders, gone at the end."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Iterator, Optional

import pytest
from conftest import free_port as free_port


def find_program(name: str, *folders: str, path: Optional[str] = None) -> str:
    """Where a server lies. Without it a test is skipped; in CI that is a failure."""
    found = shutil.which(name, path=path)
    for pattern in folders:
        found = found or next(iter(sorted(glob.glob(f"{pattern}/{name}"))), None)
    if found is None:
        missing = f"{name} is not installed: nothing of it was tested"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, **options: object) -> Iterator[None]:
    """Runs a server until the block ends, once it takes connections."""
    with open(log, "wb") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=output, stderr=subprocess.STDOUT, **options
        )
        try:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{command[0]} did not start: {log.read_text()}")
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ordinary_user() -> Optional[str]:
    """Whom to run a server as that refuses to be root's; ``None``: as we are."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """A PostgreSQL with user and database ``shop``; its port."""
    initdb = find_program("initdb", "/usr/lib/postgresql/*/bin")
    user = ordinary_user()
    options: dict[str, object] = {} if user is None else {"user": user, "group": user}
    if user == "nobody":
        options["group"] = "nogroup"
    folder.mkdir()
    if user is not None:
        shutil.chown(folder, user)
        # pytest's folders are their owner's alone: let the other user pass.
        for parent in folder.parents:
            if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    data, port = folder / "data", free_port()
    subprocess.run(
        [initdb, "-D", str(data), "-U", "shop", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"],
        check=True,
        capture_output=True,
        cwd="/",
        **options,  # type: ignore[call-overload]
    )
    command = [
        *(str(Path(initdb).parent / "postgres"), "-D", str(data), "-p", str(port)),
        *("-h", "127.0.0.1", "-k", str(folder), "-c", "fsync=off"),
    ]
    log = folder.parent / "postgres.log"
    with running(command, port, log, cwd="/", **options):
        import psycopg

        url = f"host=127.0.0.1 port={port} user=shop dbname=postgres"
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute("CREATE DATABASE shop")
                break
            except psycopg.OperationalError:
                # It takes connections before it answers them.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """A MariaDB with database ``shop``, which lets anyone in; its port."""
    program = find_program("mariadbd", "/usr/sbin", "/usr/libexec")
    data, port = folder / "data", free_port()
    data.mkdir(parents=True)
    (folder / "init.sql").write_text("CREATE DATABASE shop;")
    as_user = ["--user=root"] if os.geteuid() == 0 else []
    command = [
        # Without the tables of users it needs no installation.
        *(program, "--no-defaults", f"--datadir={data}", "--skip-grant-tables", *as_user),
        *("--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder / 's'}"),
        *("--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"),
        *("--skip-name-resolve", f"--init-file={folder / 'init.sql'}"),
    ]
    with running(command, port, folder / "log", cwd="/"):
        yield port


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    program, port = find_program("redis-server"), free_port()
    folder.mkdir()
    command = [program, "--port", str(port), "--save", "", "--dir", str(folder)]
    with running([*command, "--bind", "127.0.0.1"], port, folder / "log"):
        yield port


@contextlib.contextmanager
def memcached(folder: Path) -> Iterator[int]:
    program, port = find_program("memcached"), free_port()
    folder.mkdir()
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", *as_user]
    with running(command, port, folder / "log"):
        yield port


class _Handler(BaseHTTPRequestHandler):
    """``/status/500`` answers 500; ``/to/URL`` redirects; ``/stream`` sends chunks slowly."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_GET(self) -> None:
        kind, _, rest = self.path.strip("/").partition("/")
        status = int(rest) if kind == "status" else 302 if kind == "to" else 200
        self.send_response(status)
        if kind == "to":
            self.send_header("Location", "/" + rest)
        if kind == "hang":
            self.server.released.wait(30)  # type: ignore[attr-defined]
        if kind == "stream":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"5\r\nhello\r\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    do_HEAD = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    # The handler of a request that the client gave up on fails to answer it.
    handle_error = lambda self, request, address: None  # noqa: E731

    def __init__(self) -> None:
        self.handler: type[_Handler] = type("Handler", (_Handler,), {"connections": 0})
        super().__init__(("127.0.0.1", 0), self.handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.released = threading.Event()


@contextlib.contextmanager
def http_server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[int]:
    """A RabbitMQ with the guest user, and a name service of Erlang's for it alone."""
    # Not the one in PATH: Debian's wrapper insists on its own folders.
    program = find_program("rabbitmq-server", "/usr/lib/rabbitmq/bin", path="/usr/lib/rabbitmq/bin")
    epmd = find_program("epmd")
    folder.mkdir()
    port, dist_port, epmd_port = free_port(), free_port(), free_port()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "pyrometer@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
    }
    (folder / "plugins").write_text("[].")
    with running([epmd, "-port", str(epmd_port)], epmd_port, folder / "epmd.log", env=env):
        with running([program], port, folder / "server.log", env=env, start_new_session=True):
            yield port
