"""What breaks in the shop, and what is truly the cause.

All of it happens at the level of the operating system, the network, a client or a release; nothing
here knows a rule, and no rule knows this list.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shop import PORTS, SERVICES, Shop
from visitors import Visitors

Mend = Callable[[], None]
Entity = tuple[str, str]
ANY = "*"


def of(*names: str) -> list[Entity]:
    """A part by each of its names: as a service, and as instances of it. Any type is right."""
    known = list(names)
    for name in names:
        port = PORTS.get(name)
        if port:
            known += [f"{name}:{port}", f"127.0.0.1:{port}"]
        if exporter := PORTS.get(f"{name}_exporter") or PORTS.get(f"{name}_metrics"):
            known.append(f"127.0.0.1:{exporter}")
    return [(ANY, name) for name in known]


POSTGRES = of("postgres", "postgresql", "shop")
REDIS = of("redis")
RABBITMQ = of("rabbitmq", "celery", "fulfilment.ship")


@dataclass(frozen=True)
class Injection:
    """Something that breaks. `begin` breaks it and returns what mends it."""

    name: str
    begin: Callable[[Shop, Visitors], Mend]
    # One list for each cause: the names by which naming it is right.
    causes: list[list[Entity]]
    # What is already so before the baseline begins.
    prepare: Callable[[Shop, Visitors], Mend] | None = None


def together(*mends: Mend) -> Mend:
    def mend() -> None:
        for one in mends:
            one()

    return mend


def repeated(act: Callable[[], None], every_s: float) -> Mend:
    """Acts again and again until it is mended. What fails meanwhile is part of the fault."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with contextlib.suppress(subprocess.SubprocessError, OSError):
                act()
            over.wait(every_s)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def mend() -> None:
        over.set()
        thread.join(20)

    return mend


def frozen(name: str) -> Callable[[Shop, Visitors], Mend]:
    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        shop.fleet.signal(name, signal.SIGSTOP)
        return lambda: shop.fleet.signal(name, signal.SIGCONT)

    return begin


def ended(name: str) -> Callable[[Shop, Visitors], Mend]:
    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        shop.fleet.stop(name)
        return shop.starts[name]

    return begin


def released(name: str, release: str, defects: str) -> Callable[[Shop, Visitors], Mend]:
    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        shop.deploy(name, release, defects)
        return lambda: shop.deploy(name, "1.0.0")

    return begin


def starved(name: str, share: float, neighbours: int) -> Callable[[Shop, Visitors], Mend]:
    """A part has to share a slice of one processor with programs that never rest."""

    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        group = shop.limited(name, share)
        burn = [sys.executable, "-c", "while True: pass"]
        hogs = [subprocess.Popen(burn) for _ in range(neighbours)]
        for hog in hogs:
            (group / "cgroup.procs").write_text(str(hog.pid))

        def mend() -> None:
            for hog in hogs:
                hog.kill()
                hog.wait()
            for process in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (group.parent / "cgroup.procs").write_text(process)
            group.rmdir()

        return mend

    return begin


def redis(*words: str) -> None:
    argv = ["redis-cli", "-p", str(PORTS["redis"]), *words]
    subprocess.run(argv, capture_output=True, check=True, timeout=20)


def redis_sleeps(_shop: Shop, _visitors: Visitors) -> Mend:
    return repeated(lambda: redis("debug", "sleep", "0.5"), 0.15)


def redis_paused(_shop: Shop, _visitors: Visitors) -> Mend:
    return repeated(lambda: redis("client", "pause", "2500", "write"), 2.8)


def redis_full(_shop: Shop, _visitors: Visitors) -> Mend:
    redis("config", "set", "maxmemory", "1mb")
    return lambda: redis("config", "set", "maxmemory", "32mb")


def redis_loses_all(_shop: Shop, _visitors: Visitors) -> Mend:
    return repeated(lambda: redis("flushall"), 0.4)


def session(shop: Shop, statement: str) -> Mend:
    """A client of PostgreSQL that does something for long."""
    process = subprocess.Popen(
        shop.psql_argv(statement), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def mend() -> None:
        process.kill()
        process.wait()
        shop.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep'"
                  " AND pid <> pg_backend_pid()", "postgres")

    return mend


def table_locked(shop: Shop, _visitors: Visitors) -> Mend:
    held = "BEGIN; LOCK TABLE payments IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600); COMMIT"
    return session(shop, held)


def connections_taken(shop: Shop, _visitors: Visitors) -> Mend:
    argv = shop.psql_argv("SELECT pg_sleep(3600)")
    taken = [
        subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(40)
    ]

    def mend() -> None:
        for one in taken:
            one.kill()
            one.wait()
        shop.stop_postgres()
        shop.starts["postgres"]()

    return mend


def database_stops(shop: Shop, _visitors: Visitors) -> Mend:
    shop.stop_postgres()
    return shop.starts["postgres"]


def postgres_busy(shop: Shop, visitors: Visitors) -> Mend:
    """Reports that somebody runs on the shop's database, which has a small machine."""
    starve = starved("postgres", 0.15, 0)(shop, visitors)
    heavy = "SELECT count(*) FROM generate_series(1, 4000000) i WHERE md5(i::text) ~ 'abc'"
    group = next(Path("/sys/fs/cgroup/cpu").glob(f"*-{shop.folder.name}-postgres"))

    def report() -> None:
        subprocess.run(shop.psql_argv(heavy), capture_output=True, check=False, timeout=120)

    def keep_in() -> None:
        # Backends that came after the limit.
        for process in shop.processes_of("postgres"):
            (group / "cgroup.procs").write_text(str(process))

    mends = [repeated(report, 0.1) for _ in range(4)]

    def cancel() -> None:
        shop.psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'md5.i'"
                  " AND pid <> pg_backend_pid()", "postgres")

    return together(starve, repeated(keep_in, 1.0), cancel, *mends)


def rabbitmq_alarm(shop: Shop, _visitors: Visitors) -> Mend:
    from faults import rabbitmq_memory

    return rabbitmq_memory(shop)


def provider(wait_s: float = 0.0, failing: float = 0.0) -> Callable[[Shop, Visitors], Mend]:
    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        shop.mood(wait_s, failing)
        return shop.mood

    return begin


def certificate_ends(shop: Shop, _visitors: Visitors) -> Mend:
    good = {end: (shop.folder / f"provider.{end}").read_text() for end in ("pem", "key")}
    shop.fleet.stop("provider")
    # Those who call trust what they read at their start; the server's own is over.
    subprocess.run(
        ["openssl", "x509", "-in", shop.path("provider.pem"), "-signkey", shop.path("provider.key")]
        + ["-days", "-1", "-out", shop.path("ended.pem")],
        check=True,
        capture_output=True,
    )
    (shop.folder / "provider.pem").write_text((shop.folder / "ended.pem").read_text())
    shop.starts["provider"]()

    def mend() -> None:
        shop.fleet.stop("provider")
        for end, text in good.items():
            (shop.folder / f"provider.{end}").write_text(text)
        shop.starts["provider"]()

    return mend


def retry_storm(shop: Shop, visitors: Visitors) -> Mend:
    visitors.retries = 4
    mend = provider(wait_s=0.3, failing=0.5)(shop, visitors)

    def calm() -> None:
        visitors.retries = 0

    return together(mend, calm)


def leak(shop: Shop, _visitors: Visitors) -> Mend:
    shop.deploy("cart", "1.1.0", "leak")
    # The machine has no more than this for it.
    process = shop.processes_of("cart")[0]
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 500_000_000
    resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
    return lambda: shop.deploy("cart", "1.0.0")


def descriptors_gone(workers: int) -> Callable[[Shop, Visitors], Mend]:
    """So many workers of payments can take a request, and then open nothing more for it."""

    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        for process in shop.processes_of("payments")[-workers:]:
            open_now = len(list(Path(f"/proc/{process}/fd").iterdir()))
            resource.prlimit(process, resource.RLIMIT_NOFILE, (open_now + 1, 4096))

        def mend() -> None:
            shop.fleet.stop("payments")
            shop.starts["payments"]()

        return mend

    return begin


def bad_wire(name: str, *options: str) -> Callable[[Shop, Visitors], Mend]:
    """All that goes to a part goes over a bad wire."""

    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        argv = [sys.executable, str(SERVICES / "wire.py"), "127.0.1.1", str(PORTS[name]), *options]
        shop.fleet.start("wire", argv)
        time.sleep(1)
        shop.hosts(moved={name: "127.0.1.1"})
        if name == "redis":
            redis("client", "kill", "type", "normal")

        def mend() -> None:
            shop.hosts()
            shop.fleet.stop("wire")

        return mend

    return begin


def no_name(name: str) -> Callable[[Shop, Visitors], Mend]:
    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        shop.hosts(without=name)
        return shop.hosts

    return begin


def surge(shop: Shop, visitors: Visitors) -> Mend:
    """Six times as many visitors as usual; the machine is small."""
    mends = [starved(name, 0.12, 0)(shop, visitors) for name in ("storefront", "cart")]
    usual, visitors.rate = visitors.rate, visitors.rate * 6

    def mend() -> None:
        visitors.rate = usual

    return together(mend, *mends)


def disk_full(shop: Shop, _visitors: Visitors) -> Mend:
    ballast = shop.folder / "disk" / "core"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0" * 64)
    return ballast.unlink


def poisoned_page(shop: Shop, _visitors: Visitors) -> Mend:
    """A visitor asks for the one product whose page never lets go of its lock."""

    def visit() -> None:
        url = f"http://127.0.0.1:{PORTS['nginx']}/products/13"
        urllib.request.urlopen(url, timeout=3).close()

    mend = repeated(visit, 1.0)

    def restart() -> None:
        shop.fleet.stop("storefront")
        shop.starts["storefront"]()

    return together(mend, restart)


def workers_die(name: str) -> Callable[[Shop, Visitors], Mend]:
    """As when the kernel is out of memory: each worker is killed soon after it has started."""

    def begin(shop: Shop, _visitors: Visitors) -> Mend:
        def kill() -> None:
            for process in shop.processes_of(name)[1:]:
                os.kill(process, signal.SIGKILL)

        return repeated(kill, 2.5)

    return begin


def innocent_release(shop: Shop, visitors: Visitors) -> Mend:
    """A release that is well goes out a little before something else breaks."""
    shop.deploy("storefront", "1.0.1")
    time.sleep(20)
    mend = provider(failing=0.7)(shop, visitors)
    return together(mend, lambda: shop.deploy("storefront", "1.0.0"))


def both(
    one: Callable[[Shop, Visitors], Mend], other: Callable[[Shop, Visitors], Mend]
) -> Callable[[Shop, Visitors], Mend]:
    return lambda shop, visitors: together(one(shop, visitors), other(shop, visitors))


NOISE = released("recommendations", "1.0.0", "noise")
WAY_TO_PAYMENTS = of("payments", "cart")

INJECTIONS = [
    Injection("table-locked", table_locked, [POSTGRES]),
    Injection("release-with-a-bug", released("payments", "2.0.0", "wrong-key"), [of("payments")]),
    Injection("cache-hangs", frozen("redis"), [REDIS]),
    Injection("slow-model", released("recommendations", "1.3.0", "slow-model"), [of("recommendations")]),
    Injection("broker-out-of-memory", rabbitmq_alarm, [RABBITMQ]),
    Injection("provider-slow", provider(wait_s=1.2), [of("provider")]),
    Injection("connections-taken", connections_taken, [POSTGRES]),
    Injection("cart-hangs", frozen("cart"), [of("cart")]),
    Injection("consumer-stopped", frozen("fulfilment"), [of("fulfilment")]),
    Injection("provider-fails", provider(failing=0.6), [of("provider")]),
    Injection("database-stops", database_stops, [POSTGRES]),
    Injection("leak", leak, [of("cart")]),
    Injection("half-of-payments-ill", descriptors_gone(1), [of("payments")]),
    Injection("cache-slow", redis_sleeps, [REDIS]),
    Injection("surge", surge, [of("storefront", "nginx")]),
    Injection("poisoned-page", poisoned_page, [of("storefront")]),
    Injection("certificate-ends", certificate_ends, [of("provider")]),
    Injection("wire-delays-payments", bad_wire("payments", "--delay", "0.35"), [WAY_TO_PAYMENTS]),
    Injection("disk-full", disk_full, [of("orders", "node", "shop-1", "shop-disk")]),
    Injection("cache-full", redis_full, [REDIS]),
    Injection("recommendations-starved", starved("recommendations", 0.08, 2), [of("recommendations")]),
    Injection("retry-storm", retry_storm, [of("provider")]),
    Injection("name-lost", no_name("payments"), [WAY_TO_PAYMENTS]),
    Injection("descriptors-gone", descriptors_gone(2), [of("payments")]),
    Injection("broker-hangs", frozen("rabbitmq"), [RABBITMQ]),
    Injection("slow-expression", released("storefront", "2.1.0", "slow-expression"), [of("storefront")]),
    Injection("reports-on-the-database", postgres_busy, [POSTGRES]),
    Injection("consumer-fails", released("fulfilment", "1.2.0", "wrong-address"), [of("fulfilment")]),
    Injection("cache-lost", redis_loses_all, [REDIS]),
    Injection("workers-die", workers_die("storefront"), [of("storefront")]),
    Injection("wire-breaks-cache", bad_wire("redis", "--broken", "0.5", "--delay", "0.05"), [REDIS]),
    Injection("innocent-release", innocent_release, [of("provider")]),
    Injection("new-beside-chronic", provider(failing=0.6), [of("provider")], prepare=NOISE),
    Injection(
        "two-at-once",
        both(released("recommendations", "1.3.0", "slow-model"), frozen("fulfilment")),
        [of("recommendations"), of("fulfilment")],
    ),
    Injection("proxy-stops", ended("nginx"), [of("nginx")]),
    Injection("cache-paused", redis_paused, [REDIS]),
]
