"""A small company's machines on one: databases, a queue, proxies, exporters, monitoring.

Everything is the real software of Debian's packages. `Stack.start` brings it up with traffic on
it; `faults.py` breaks it on purpose, `healthy.py` watches that nobody cries while nothing is
broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from processes import Fleet, answers, free_port, wait_for

# Debian's packages: program, package.
PROGRAMS = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "mariadbd": "mariadb-server-core",
    "rabbitmq-server": "rabbitmq-server",
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "prometheus-mysqld-exporter": "prometheus-mysqld-exporter",
    "prometheus-nginx-exporter": "prometheus-nginx-exporter",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
}
APPS = Path(__file__).resolve().parent / "apps"
POSTGRES_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]

PORTS = (
    "postgres redis memcached mariadb rabbitmq rabbitmq_metrics rabbitmq_dist epmd nginx "
    "nginx_bad haproxy haproxy_metrics node blackbox postgres_exporter redis_exporter "
    "mysqld_exporter nginx_exporter prometheus alertmanager front back"
).split()


def missing() -> list[str]:
    """Debian's packages that this run needs and that are not installed."""
    packages = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if not POSTGRES_BIN:
        packages.add("postgresql")
    return sorted(packages)


@dataclass
class Stack:
    """The running stack, below one folder."""

    folder: Path
    fleet: Fleet = field(init=False)
    ports: dict[str, int] = field(init=False)
    starts: dict[str, Callable[[], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.folder)
        self.ports = {name: free_port() for name in PORTS}
        self.starts = {
            "postgres": self.start_postgres,
            "redis": self.start_redis,
            "memcached": self.start_memcached,
            "mariadb": self.start_mariadb,
            "rabbitmq": self.start_rabbitmq,
            "nginx": self.start_nginx,
            "haproxy": self.start_haproxy,
            "alertmanager": self.start_alertmanager,
            "prometheus": self.start_prometheus,
            "back": self.start_back,
            "front": self.start_front,
        }

    def start(self) -> None:
        """Starts every server, then the exporters."""
        # Servers that run as users of their own must reach their folders.
        self.folder.chmod(0o755)
        for name, start in self.starts.items():
            print(f"  starting {name}", flush=True)
            start()
        self.start_exporters()

    def path(self, name: str, text: str | None = None) -> str:
        path = self.folder / name
        if text is not None:
            path.write_text(text)
        return str(path)

    def data_folder(self, name: str, user: str) -> str:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            account = pwd.getpwnam(user)
            os.chown(path, account.pw_uid, account.pw_gid)
        return str(path)

    def start_postgres(self) -> None:
        data = self.data_folder("postgres", "postgres")
        program = str(POSTGRES_BIN[0])
        if not (Path(data) / "PG_VERSION").exists():
            self.run_as("postgres", f"{program}/initdb", "-D", data, "-A", "trust", "-U", "postgres")
        port = self.ports["postgres"]
        argv = [f"{program}/postgres", "-D", data, "-p", str(port), "-c", "max_connections=40"]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        self.fleet.start("postgres", argv, port=port, user="postgres")
        wait_for("postgres takes connections", lambda: self.is_ready("postgres"))

    def is_ready(self, name: str) -> bool:
        argv = [f"{POSTGRES_BIN[0]}/pg_isready", "-h", "127.0.0.1", "-p", str(self.ports[name])]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def run_as(self, user: str, *argv: str) -> None:
        account = pwd.getpwnam(user) if os.geteuid() == 0 else None
        subprocess.run(
            argv,
            check=True,
            cwd=self.folder,
            capture_output=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    def start_redis(self) -> None:
        port = self.ports["redis"]
        argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        argv += ["--dir", str(self.folder), "--maxmemory", "32mb"]
        argv += ["--maxmemory-policy", "noeviction"]
        self.fleet.start("redis", argv, port=port)

    def start_memcached(self) -> None:
        port = self.ports["memcached"]
        argv = ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-m", "16"]
        self.fleet.start("memcached", argv, port=port)

    def start_mariadb(self) -> None:
        data = self.data_folder("mariadb", "nobody")
        port = self.ports["mariadb"]
        argv = [
            # Without the tables of users it needs no installation, and lets anyone in.
            *("mariadbd", "--no-defaults", f"--datadir={data}", "--skip-grant-tables"),
            *(f"--port={port}", "--bind-address=127.0.0.1", f"--socket={data}/s.sock"),
            *("--skip-name-resolve", "--max-connections=30", "--innodb-buffer-pool-size=32M"),
        ]
        self.fleet.start("mariadb", argv, port=port, user="nobody")

    def start_rabbitmq(self) -> None:
        data = self.data_folder("rabbitmq", "rabbitmq")
        ports = self.ports
        plugins = self.path("enabled_plugins", "[rabbitmq_prometheus].\n")
        config = self.path(
            "rabbitmq.conf",
            f"listeners.tcp.1 = 127.0.0.1:{ports['rabbitmq']}\n"
            f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {ports['rabbitmq_metrics']}\n"
            # The machine of a test has less free than RabbitMQ's default of 50 MB asks for.
            "disk_free_limit.absolute = 10MB\n",
        )
        interface = "-kernel inet_dist_use_interface {127,0,0,1}"
        env = {
            "HOME": data,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(ports["epmd"]),
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(ports["rabbitmq_dist"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": interface,
            "RABBITMQ_MNESIA_BASE": data,
            "RABBITMQ_LOG_BASE": data,
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_CONFIG_FILE": config,
        }
        server = ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
        port = ports["rabbitmq"]
        self.fleet.start("rabbitmq", server, port=port, user="rabbitmq", env=env)
        wait_for("rabbitmq shows metrics", lambda: answers(ports["rabbitmq_metrics"]))

    def start_nginx(self) -> None:
        config = (
            "daemon off; error_log stderr; "
            f"pid {self.path('nginx.pid')}; worker_processes 1;\n"
            "events { worker_connections 64; }\nhttp { access_log off;\n"
            f" client_body_temp_path {self.path('nginx-body')};\n"
            f" proxy_temp_path {self.path('nginx-proxy')};\n"
            f" fastcgi_temp_path {self.path('nginx-fastcgi')};\n"
            f" uwsgi_temp_path {self.path('nginx-uwsgi')};\n"
            f" scgi_temp_path {self.path('nginx-scgi')};\n"
            f" server {{ listen 127.0.0.1:{self.ports['nginx']};\n"
            '  location /stub_status { stub_status; }\n  location / { return 200 "ok\\n"; } } }\n'
        )
        argv = ["nginx", "-c", self.path("nginx.conf", config)]
        self.fleet.start("nginx", argv, port=self.ports["nginx"])

    def start_haproxy(self) -> None:
        config = (
            "global\n  maxconn 100\ndefaults\n  mode http\n"
            "  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n"
            f"frontend web\n  bind 127.0.0.1:{self.ports['haproxy']}\n  default_backend app\n"
            "backend app\n  option httpchk GET /\n"
            f"  server nginx1 127.0.0.1:{self.ports['nginx']} check inter 1s\n"
            f"frontend stats\n  bind 127.0.0.1:{self.ports['haproxy_metrics']}\n"
            "  http-request use-service prometheus-exporter if { path /metrics }\n"
        )
        argv = ["haproxy", "-db", "-f", self.path("haproxy.cfg", config)]
        self.fleet.start("haproxy", argv, port=self.ports["haproxy"])

    def start_alertmanager(self) -> None:
        config = "route: {receiver: none}\nreceivers: [{name: none}]\n"
        argv = ["prometheus-alertmanager", "--cluster.listen-address="]
        argv += [f"--config.file={self.path('alertmanager.yml', config)}"]
        argv += [f"--storage.path={self.path('alertmanager')}"]
        argv += [f"--web.listen-address=127.0.0.1:{self.ports['alertmanager']}"]
        self.fleet.start("alertmanager", argv, port=self.ports["alertmanager"])

    def start_prometheus(self) -> None:
        own = {"job_name": "self", "static_configs": [{"targets": [self.address("prometheus")]}]}
        sends = {"alertmanagers": [{"static_configs": [{"targets": [self.address("alertmanager")]}]}]}
        config = {"global": {"scrape_interval": "5s"}, "alerting": sends, "scrape_configs": [own]}
        # JSON is YAML.
        argv = ["prometheus", f"--config.file={self.path('prometheus.yml', json.dumps(config))}"]
        argv += [f"--storage.tsdb.path={self.path('prometheus')}", "--web.enable-lifecycle"]
        argv += [f"--web.listen-address={self.address('prometheus')}"]
        self.fleet.start("prometheus", argv, port=self.ports["prometheus"])

    def start_back(self) -> None:
        argv = ["-m", "uvicorn", "back:app", "--port", str(self.ports["back"])]
        self.start_app("back", [*argv, "--log-level", "warning"])

    def start_front(self) -> None:
        argv = ["-m", "gunicorn", "-w", "2", "-b", self.address("front"), "front:app"]
        self.start_app("front", [*argv, "--no-control-socket"])

    def start_app(self, name: str, argv: list[str]) -> None:
        """A measured Python service, which announces itself."""
        env = {
            "PYTHONPATH": str(APPS),
            "PYROMETER_RUNTIME_DIR": self.runtime_dir(),
            "BACK": self.address("back"),
            "BACK_RAISES": self.path("back-raises"),
        }
        self.fleet.start(name, [sys.executable, *argv], port=self.ports[name], env=env)

    def runtime_dir(self) -> str:
        """Where measured processes announce themselves to the server."""
        path = self.folder / "runtime"
        path.mkdir(mode=0o700, exist_ok=True)
        return str(path)

    def start_exporters(self) -> None:
        ports = self.ports

        def start(name: str, program: str, *options: str, **env: str) -> None:
            argv = [f"prometheus-{program}", *options]
            argv.append(f"--web.listen-address=127.0.0.1:{ports[name]}")
            self.fleet.start(name, argv, port=ports[name], env=env)

        start("node", "node-exporter", "--collector.processes")
        modules = "modules:\n  http_2xx: {prober: http, timeout: 3s}\n  tcp: {prober: tcp, timeout: 3s}\n"
        start("blackbox", "blackbox-exporter", f"--config.file={self.path('blackbox.yml', modules)}")
        source = f"postgresql://postgres@127.0.0.1:{ports['postgres']}/postgres?sslmode=disable"
        start("postgres_exporter", "postgres-exporter", DATA_SOURCE_NAME=source)
        redis = f"--redis.addr=redis://127.0.0.1:{ports['redis']}"
        start("redis_exporter", "redis-exporter", redis)
        client = f"[client]\nuser=root\nhost=127.0.0.1\nport={ports['mariadb']}\npassword=any\n"
        start("mysqld_exporter", "mysqld-exporter", f"--config.my-cnf={self.path('my.cnf', client)}")
        status = f"--nginx.scrape-uri=http://127.0.0.1:{ports['nginx']}/stub_status"
        start("nginx_exporter", "nginx-exporter", status)

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def scrape_config(self) -> str:
        """A prometheus.yml with a job for each part."""
        jobs: list[dict[str, object]] = []

        def job(name: str, port: str) -> None:
            jobs.append({"job_name": name, "static_configs": [{"targets": [self.address(port)]}]})

        for name, port in {
            "postgres": "postgres_exporter",
            "redis": "redis_exporter",
            "mysql": "mysqld_exporter",
            "nginx": "nginx_exporter",
            "haproxy": "haproxy_metrics",
            "rabbitmq": "rabbitmq_metrics",
            "node": "node",
            "prometheus": "prometheus",
            "alertmanager": "alertmanager",
            "blackbox": "blackbox",
        }.items():
            job(name, port)
        for module, target in {
            "http_2xx": f"http://{self.address('haproxy')}/",
            "tcp": self.address("postgres"),
        }.items():
            relabel = [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": self.address("blackbox")},
            ]
            jobs.append(
                {
                    "job_name": f"probe-{module}",
                    "metrics_path": "/probe",
                    "params": {"module": [module]},
                    "static_configs": [{"targets": [target]}],
                    "relabel_configs": relabel,
                }
            )
        interval = {"scrape_interval": "5s", "evaluation_interval": "5s"}
        return json.dumps({"global": interval, "scrape_configs": jobs})


@contextlib.contextmanager
def traffic(stack: Stack) -> Iterator[None]:
    """Requests through the proxies and to the page, thirty a second, until the block ends."""
    over = threading.Event()

    def visit(name: str) -> None:
        url = f"http://{stack.address(name)}/"
        while not over.wait(0.1):
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(url, timeout=3).read()

    # Two at the proxies: the second is there while the first waits for an answer.
    visitors = [
        threading.Thread(target=visit, args=[name]) for name in ("haproxy", "haproxy", "front")
    ]
    for visitor in visitors:
        visitor.start()
    try:
        yield
    finally:
        over.set()
        for visitor in visitors:
            visitor.join()
