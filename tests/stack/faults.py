"""Faults of the stack, and what each must raise."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from processes import wait_for
from stack import POSTGRES_BIN, Stack
from watch import Watcher

Alert = tuple[str, str]
Mend = Callable[[], None]

# After the last alert that is waited for, to see whether others follow that should not.
AFTERWARDS_S = 45.0
QUIET_LIMIT_S = 900.0


@dataclass(frozen=True)
class Fault:
    """Something that breaks. `begin` breaks it and returns what mends it."""

    name: str
    begin: Callable[[Stack], Mend]
    # Alert and job. All of these, within the limit.
    wanted: frozenset[Alert]
    # True consequences that may show as well, depending on who is scraped first.
    besides: frozenset[Alert] = frozenset()
    within_s: float = 300.0


@dataclass
class Verdict:
    """What a fault raised."""

    fault: Fault
    fired: set[Alert] = field(default_factory=set)
    after_s: float | None = None
    resolved: bool = False

    @property
    def wanted(self) -> frozenset[Alert]:
        return self.fault.wanted | self.fault.besides

    def is_right(self) -> bool:
        return self.after_s is not None and self.fired <= self.wanted and self.resolved

    def __str__(self) -> str:
        said = [f"{self.fault.name}: "]
        if missing := self.fault.wanted - self.fired:
            said.append(f"missing {sorted(missing)} ")
        if extra := self.fired - self.wanted:
            said.append(f"wrong {sorted(extra)} ")
        if not self.resolved:
            said.append("did not resolve")
        return "".join(said)


def stopped(name: str) -> Callable[[Stack], Mend]:
    """Stops a server; mending starts it anew."""

    def begin(stack: Stack) -> Mend:
        stack.fleet.stop(name)
        return stack.starts[name]

    return begin


def postgres_connections(stack: Stack) -> Mend:
    psql = [f"{POSTGRES_BIN[0]}/psql", "-h", "127.0.0.1", "-p", str(stack.ports["postgres"])]
    psql += ["-U", "postgres", "-c", "select pg_sleep(3600)"]
    sleepers = [
        subprocess.Popen(psql, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(35)
    ]

    def mend() -> None:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
        # The server notices lost clients only when it writes to them.
        stack.fleet.stop("postgres")
        stack.starts["postgres"]()

    return mend


def redis_command(stack: Stack, *words: str) -> None:
    argv = ["redis-cli", "-p", str(stack.ports["redis"]), *words]
    subprocess.run(argv, check=True, capture_output=True)


def redis_full(stack: Stack) -> Mend:
    fill = "for i = 1, 28000 do redis.call('set', 'k' .. i, string.rep('x', 1000)) end"
    redis_command(stack, "eval", fill, "0")
    return lambda: redis_command(stack, "flushall")


def mysql_connections(stack: Stack) -> Mend:
    import pymysql

    port = stack.ports["mariadb"]
    held = [pymysql.connect(host="127.0.0.1", port=port, user="root") for _ in range(27)]

    def mend() -> None:
        for one in held:
            one.close()

    return mend


def rabbitmq_memory(stack: Stack) -> Mend:
    def limit(share: str) -> None:
        account = pwd.getpwnam("rabbitmq") if os.geteuid() == 0 else None
        subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", "rabbit@localhost"]
            + ["set_vm_memory_high_watermark", share],
            check=True,
            capture_output=True,
            env={
                **os.environ,
                "HOME": str(stack.folder / "rabbitmq"),
                "ERL_EPMD_PORT": str(stack.ports["epmd"]),
            },
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    limit("0.00001")
    return lambda: limit("0.4")


def prometheus_config(stack: Stack) -> Mend:
    config = Path(stack.path("prometheus.yml"))
    good = config.read_text()

    def reload(text: str) -> None:
        config.write_text(text)
        url = f"http://{stack.address('prometheus')}/-/reload"
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()
        except urllib.error.HTTPError:
            # That is how it says no.
            return

    reload("scrape_configs: 7\n")
    return lambda: reload(good)


def back_raises(stack: Stack) -> Mend:
    """Every second request of the service behind the page raises."""
    switch = Path(stack.path("back-raises", ""))
    return switch.unlink


def alertmanager_config(stack: Stack) -> Mend:
    config = Path(stack.path("alertmanager.yml"))
    good = config.read_text()
    alertmanager = stack.fleet.running["alertmanager"]

    def reload(text: str) -> None:
        config.write_text(text)
        alertmanager.send_signal(signal.SIGHUP)

    reload("route: 7\n")
    return lambda: reload(good)


def slow_listener(stack: Stack) -> Mend:
    """Takes the place of nginx and never answers."""
    stack.fleet.stop("nginx")
    silent = socket.create_server(("127.0.0.1", stack.ports["nginx"]), backlog=256)

    def mend() -> None:
        silent.close()
        stack.starts["nginx"]()

    return mend


def alerts(*pairs: str) -> frozenset[Alert]:
    """`Name/job` each."""
    split = (pair.split("/") for pair in pairs)
    return frozenset((name, job) for name, job in split)


# Whoever sits behind nginx sees it as well.
BEHIND_NGINX = alerts(
    "HaproxyServerDown/haproxy", "HaproxyBackendErrors/haproxy", "HaproxyConnectErrors/haproxy"
)
# What a failing page costs its budget is told as well, once it has been watched for long enough.
BUDGETS = alerts(
    *(f"HttpServerErrorBudget{speed}Burn/{job}" for speed in ("Fast", "Slow") for job in ("front", "back"))
)
# Its exporter may wait for it longer than a scrape lasts.
NGINX_EXPORTER_WAITS = alerts("ServiceAllInstancesDown/nginx")

FAULTS = [
    Fault("postgres-stops", stopped("postgres"), alerts("PostgresDown/postgres", "ProbeFailed/probe-tcp")),
    Fault(
        "postgres-connections",
        postgres_connections,
        alerts("PostgresConnectionsNearMax/postgres"),
        within_s=480,
    ),
    Fault("redis-stops", stopped("redis"), alerts("RedisDown/redis")),
    Fault("redis-full", redis_full, alerts("RedisMemoryNearMaxNoEvict/redis"), within_s=480),
    Fault("mariadb-stops", stopped("mariadb"), alerts("MysqlDown/mysql")),
    Fault(
        "mariadb-connections",
        mysql_connections,
        alerts("MysqlConnectionsNearMax/mysql"),
        within_s=480,
    ),
    Fault("rabbitmq-memory", rabbitmq_memory, alerts("RabbitmqAlarm/rabbitmq")),
    Fault("rabbitmq-stops", stopped("rabbitmq"), alerts("ServiceAllInstancesDown/rabbitmq")),
    Fault(
        "nginx-stops",
        stopped("nginx"),
        alerts("NginxDown/nginx", "HaproxyBackendDown/haproxy", "ProbeFailed/probe-http_2xx"),
        besides=BEHIND_NGINX,
    ),
    Fault(
        "nginx-hangs",
        slow_listener,
        alerts("NginxDown/nginx", "HaproxyBackendDown/haproxy", "ProbeFailed/probe-http_2xx"),
        besides=BEHIND_NGINX | NGINX_EXPORTER_WAITS,
    ),
    Fault(
        "haproxy-stops",
        stopped("haproxy"),
        alerts("ServiceAllInstancesDown/haproxy", "ProbeFailed/probe-http_2xx"),
    ),
    Fault("alertmanager-stops", stopped("alertmanager"), alerts("ServiceAllInstancesDown/alertmanager")),
    Fault("prometheus-stops", stopped("prometheus"), alerts("ServiceAllInstancesDown/prometheus")),
    Fault(
        "prometheus-config",
        prometheus_config,
        alerts("PrometheusConfigReloadFailed/prometheus"),
        within_s=780,
    ),
    Fault(
        "alertmanager-config",
        alertmanager_config,
        alerts("AlertmanagerConfigReloadFailed/alertmanager"),
        within_s=780,
    ),
    Fault(
        "app-raises",
        back_raises,
        alerts(
            "HttpServerErrorRatioHigh/back",
            "HttpServerErrorRatioHigh/front",
            "OutgoingHttpErrors/front",
        ),
        besides=BUDGETS,
    ),
    Fault(
        "app-stops",
        stopped("back"),
        alerts(
            "ServiceAllInstancesDown/back",
            "HttpServerErrorRatioHigh/front",
            "OutgoingHttpErrors/front",
        ),
        besides=BUDGETS,
    ),
]


def try_fault(fault: Fault, stack: Stack, watcher: Watcher) -> Verdict:
    """Breaks it, watches what fires, mends it, and watches that it resolves."""
    verdict = Verdict(fault)
    wait_for("it is quiet before the fault", lambda: not watcher.firing(), QUIET_LIMIT_S)
    print(f"{fault.name}: begins", flush=True)
    begun = time.monotonic()
    mend = fault.begin(stack)
    try:
        while time.monotonic() < begun + fault.within_s:
            verdict.fired |= watcher.firing().keys()
            if fault.wanted <= verdict.fired:
                verdict.after_s = time.monotonic() - begun
                verdict.fired |= watcher.watch(AFTERWARDS_S).keys()
                break
            time.sleep(2)
    finally:
        mend()
    try:
        wait_for("it resolves", lambda: not watcher.firing(), QUIET_LIMIT_S)
        verdict.resolved = True
    except TimeoutError:
        verdict.resolved = False
    after = "never" if verdict.after_s is None else f"after {verdict.after_s:.0f} s"
    print(f"{fault.name}: {sorted(verdict.fired)} {after}, resolved: {verdict.resolved}", flush=True)
    return verdict
