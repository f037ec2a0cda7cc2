"""The shop of the incidents: six measured services on PostgreSQL, Redis and RabbitMQ.

It runs in namespaces of its own (`namespaces.py`), so ports are fixed, services have names as in a
cluster, and `/etc/hosts` may be broken.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from processes import answers, wait_for
from stack import POSTGRES_BIN, Stack

SERVICES = Path(__file__).resolve().parent / "services"
# Each is called by its name, as in a cluster.
HOSTS = (
    "storefront cart payments orders recommendations provider postgres redis rabbitmq".split()
)
PORTS = {
    "nginx": 8080,
    "storefront": 8101,
    "cart": 8102,
    "payments": 8103,
    "orders": 8104,
    "recommendations": 8105,
    "provider": 9443,
    "postgres": 5432,
    "redis": 6379,
    "rabbitmq": 5672,
    "rabbitmq_metrics": 15692,
    "rabbitmq_dist": 25672,
    "epmd": 4369,
    "node": 9100,
    "nginx_exporter": 9113,
    "redis_exporter": 9121,
    "postgres_exporter": 9187,
    "pyrometer": 9095,
}
# Who calls whom. A queue stands between those that produce and those that consume.
GRAPH = [
    ("nginx", "storefront"),
    ("storefront", "cart"),
    ("storefront", "recommendations"),
    ("storefront", "orders"),
    ("cart", "redis"),
    ("cart", "payments"),
    ("cart", "orders"),
    ("payments", "postgres"),
    ("payments", "provider"),
    ("orders", "rabbitmq"),
    ("orders", "postgres"),
    ("fulfilment", "rabbitmq"),
    ("fulfilment", "postgres"),
    ("recommendations", "redis"),
    ("recommendations", "postgres"),
]
SCHEMA = """
CREATE TABLE payments (id bigserial PRIMARY KEY, cart text, cents int, at timestamptz DEFAULT now());
CREATE TABLE shipments (id bigserial PRIMARY KEY, cart text, at timestamptz DEFAULT now());
CREATE TABLE products (id int PRIMARY KEY, name text, kind int);
INSERT INTO products SELECT i, 'product ' || i, i % 8 FROM generate_series(1, 8000) i;
"""
GROUPS = Path("/sys/fs/cgroup/cpu")
DISK_MIB = 24
HEAPS = {
    # Exporters and brokers speak much of themselves; it tells nothing of the shop.
    "source_labels": ["__name__"],
    "regex": "(go|promhttp|erlang|node_scrape|node_cpu_guest|redis_commands_latencies).*",
    "action": "drop",
}


@dataclass
class Shop(Stack):
    """The running shop, below one folder."""

    # Releases that are deployed: environment of a service beside the usual.
    deployed: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports = dict(PORTS)
        self.starts = {
            "postgres": self.start_postgres,
            "redis": self.start_redis,
            "rabbitmq": self.start_rabbitmq,
            "provider": self.start_provider,
            **{name: self.starter(name) for name in WAYS},
            "nginx": self.start_nginx,
        }

    def hosts(self, without: str | None = None, moved: dict[str, str] | None = None) -> None:
        """Writes who is where: all on one machine, but for `moved`, and not `without`."""
        lines = ["127.0.0.1 localhost shop-1"]
        for name in HOSTS:
            if name != without:
                lines.append(f"{(moved or {}).get(name, '127.0.0.1')} {name}")
        # In place: it is mounted over /etc/hosts.
        self.path("hosts", "\n".join(lines) + "\n")

    def start_postgres(self) -> None:
        is_new = not (self.folder / "postgres" / "PG_VERSION").exists()
        super().start_postgres()
        if is_new:
            self.psql("CREATE DATABASE shop", "postgres")
            self.psql(SCHEMA)

    def psql_argv(self, statement: str, name: str = "shop") -> list[str]:
        return [
            *(f"{POSTGRES_BIN[0]}/psql", "-h", "127.0.0.1", "-p", str(PORTS["postgres"])),
            *("-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-c", statement, name),
        ]

    def psql(self, statement: str, name: str = "shop") -> None:
        subprocess.run(self.psql_argv(statement, name), check=True, capture_output=True)

    def start_provider(self) -> None:
        if not (self.folder / "provider.pem").exists():
            self.certificate("provider", 365)
        self.mood()
        argv = [sys.executable, str(SERVICES / "provider.py"), str(PORTS["provider"])]
        argv += [self.path("provider.pem"), self.path("provider.key"), self.path("mood.json")]
        self.fleet.start("provider", argv, port=PORTS["provider"])

    def mood(self, wait_s: float = 0.0, failing: float = 0.0) -> None:
        """How the card provider is from now on."""
        beside = self.folder / "mood.new"
        beside.write_text(json.dumps({"wait_s": wait_s, "failing": failing}))
        os.replace(beside, self.folder / "mood.json")

    def certificate(self, name: str, days: int) -> None:
        """A certificate for `provider` that ends in so many days, which may be less than none."""
        argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=provider"]
        argv += ["-addext", "subjectAltName=DNS:provider", "-days", str(days)]
        argv += ["-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem")]
        subprocess.run(argv, check=True, capture_output=True)

    def starter(self, name: str) -> "Starter":
        return Starter(self, name)

    def deploy(self, name: str, release: str, defects: str = "", **environment: str) -> None:
        """Another release of a service takes the place of the running one."""
        self.deployed[name] = {"RELEASE": release, "DEFECTS": defects, **environment}
        self.fleet.stop(name)
        self.starts[name]()

    def start_nginx(self) -> None:
        kinds = ("body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = {"body": "client_body"} | {kind: kind for kind in kinds[1:]}
        temporary = "".join(
            f" {paths[kind]}_temp_path {self.path('nginx-' + kind)};\n" for kind in kinds
        )
        config = (
            f"daemon off; error_log stderr; pid {self.path('nginx.pid')}; worker_processes 1;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log off;\n{temporary} server {{ listen 127.0.0.1:{PORTS['nginx']};\n"
            "  location /stub_status { stub_status; }\n"
            f"  location / {{ proxy_pass http://127.0.0.1:{PORTS['storefront']};"
            " proxy_read_timeout 6s; } } }\n"
        )
        argv = ["nginx", "-c", self.path("nginx.conf", config)]
        self.fleet.start("nginx", argv, port=PORTS["nginx"])

    def start_exporters(self) -> None:
        def start(name: str, program: str, *options: str, **env: str) -> None:
            argv = [f"prometheus-{program}", *options]
            argv.append(f"--web.listen-address=127.0.0.1:{PORTS[name]}")
            self.fleet.start(name, argv, port=PORTS[name], env=env)

        collectors = "cpu meminfo filesystem loadavg netdev diskstats netstat sockstat vmstat time"
        chosen = [f"--collector.{name}" for name in collectors.split()]
        start("node", "node-exporter", "--collector.disable-defaults", *chosen)
        source = f"postgresql://postgres@127.0.0.1:{PORTS['postgres']}/shop?sslmode=disable"
        start("postgres_exporter", "postgres-exporter", DATA_SOURCE_NAME=source)
        start("redis_exporter", "redis-exporter", f"--redis.addr=redis://127.0.0.1:{PORTS['redis']}")
        status = f"--nginx.scrape-uri=http://127.0.0.1:{PORTS['nginx']}/stub_status"
        start("nginx_exporter", "nginx-exporter", status)

    def start_pyrometer(self, binary: Path, *options: str) -> None:
        argv = [str(binary.resolve()), "up", "--listen", f"127.0.0.1:{PORTS['pyrometer']}"]
        argv += ["--config", self.path("watching.yml", self.scrape_config())]
        argv += ["--data-dir", self.path("watching"), "--runtime-dir", self.path("runtime"), *options]
        self.fleet.start("pyrometer", argv, port=PORTS["pyrometer"])

    def scrape_config(self) -> str:
        """A prometheus.yml for what does not announce itself."""
        jobs = [
            {
                "job_name": name,
                "static_configs": [{"targets": [self.address(port)]}],
                "metric_relabel_configs": [HEAPS],
            }
            for name, port in {
                "nginx": "nginx_exporter",
                "postgres": "postgres_exporter",
                "redis": "redis_exporter",
                "rabbitmq": "rabbitmq_metrics",
                "node": "node",
            }.items()
        ]
        interval = {"scrape_interval": "5s", "evaluation_interval": "5s"}
        return json.dumps({"global": interval, "scrape_configs": jobs})

    def processes_of(self, name: str) -> list[int]:
        """The main process of a part first, then its workers."""
        parents: dict[int, int] = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The command's name may hold spaces; what follows its bracket does not.
                parent = int(status.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents[int(status.parent.name)] = parent
        found = [self.fleet.running[name].pid]
        for one in found:
            found += sorted(child for child, parent in parents.items() if parent == one)
        return found

    def stop_postgres(self) -> None:
        """At once, without waiting for its clients."""
        process = self.fleet.running.pop("postgres")
        process.send_signal(signal.SIGINT)
        process.wait(60)

    def limited(self, name: str, share: float) -> Path:
        """A control group that has this share of one processor, with all of a part in it."""
        group = GROUPS / f"pyrometer-{os.getpid()}-{self.folder.name}-{name}"
        group.mkdir(exist_ok=True)
        (group / "cpu.cfs_quota_us").write_text(str(int(share * 100_000)))
        for process in self.processes_of(name):
            (group / "cgroup.procs").write_text(str(process))
        return group


@dataclass
class Starter:
    """Starts one service as it is deployed."""

    shop: Shop
    name: str

    def __call__(self) -> None:
        shop, name = self.shop, self.name
        env = {
            "PYTHONPATH": str(SERVICES),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYROMETER_RUNTIME_DIR": shop.path("runtime"),
            "PROVIDER_CERTIFICATES": shop.path("provider.pem"),
            "ORDERS_JOURNAL": shop.path("disk/journal"),
            "SHOP_WORKERS": "1" if name == "orders" else "2",
            **shop.deployed.get(name, {}),
        }
        argv = [sys.executable, "-m", *WAYS[name]]
        shop.fleet.start(name, argv, port=PORTS.get(name), env=env)


def gunicorn(name: str) -> list[str]:
    config = str(SERVICES / "serve.py")
    return ["gunicorn", "-c", config, "-b", f"127.0.0.1:{PORTS[name]}", f"{name}:app"]


WAYS = {
    "payments": gunicorn("payments"),
    "orders": gunicorn("orders"),
    "recommendations": gunicorn("recommendations"),
    "cart": [
        *("uvicorn", "cart:app", "--port", str(PORTS["cart"]), "--log-level", "warning"),
        *("--timeout-graceful-shutdown", "2"),
    ],
    "fulfilment": [
        *("celery", "-A", "fulfilment", "worker", "--concurrency", "2"),
        *("--loglevel", "warning", "--without-gossip", "--without-mingle"),
    ],
    "storefront": gunicorn("storefront"),
}


def is_whole() -> bool:
    """Whether a visitor can be served."""
    return all(answers(port) for name, port in PORTS.items() if name != "pyrometer")


def start(shop: Shop, binary: Path, *options: str) -> None:
    """Everything, until a visitor can be served."""
    (shop.folder / "runtime").mkdir(mode=0o700)
    disk = shop.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "shop-disk", str(disk)]
    subprocess.run(mount, check=True)
    shop.hosts()
    for place, text in {"/etc/hosts": None, "/etc/nsswitch.conf": "hosts: files\n"}.items():
        name = Path(place).name
        subprocess.run(["mount", "--bind", shop.path(name, text), place], check=True)
    shop.start()
    wait_for("the shop is whole", is_whole, 180)
    shop.start_pyrometer(binary, *options)


def missing_programs() -> list[str]:
    return [name for name in ("unshare", "openssl", "ip") if not shutil.which(name)]
