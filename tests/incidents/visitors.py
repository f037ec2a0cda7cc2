"""Visitors of the shop: requests at their time whether or not the last one was answered."""

from __future__ import annotations

import queue
import random
import threading
import time
from dataclasses import dataclass, field

import urllib3

# The share of each step among all requests.
STEPS = {"catalogue": 14, "product": 36, "add": 22, "cart": 8, "checkout": 16, "orders": 4}
CARTS = 60
AT_ONCE_MAX = 48
WAIT_LIMIT_S = 8.0


@dataclass(frozen=True)
class Outcome:
    """One request as its visitor saw it. Seconds since the epoch, and of waiting."""

    at: float
    took_s: float
    is_ok: bool


@dataclass
class Visitors:
    """Sends `rate` requests a second until it is stopped."""

    url: str
    rate: float = 6.0
    # How often a visitor tries again at once what failed.
    retries: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    waiting: queue.Queue[tuple[str, str, object]] = field(
        default_factory=lambda: queue.Queue(maxsize=AT_ONCE_MAX)
    )

    def start(self) -> None:
        self.pool = urllib3.PoolManager(maxsize=AT_ONCE_MAX, retries=False, timeout=WAIT_LIMIT_S)
        for _ in range(AT_ONCE_MAX):
            threading.Thread(target=self._visit, daemon=True).start()
        threading.Thread(target=self._send, daemon=True).start()

    def are_served(self) -> bool:
        """Whether the last of them had no trouble."""
        now = time.time()
        last = [one for one in self.outcomes if now - 15 < one.at]
        failed = sum(not one.is_ok for one in last)
        return len(last) > 30 and failed < 2 and all(one.took_s < 3 for one in last)

    def _send(self) -> None:
        chance = random.Random(1)
        due = time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            try:
                self.waiting.put_nowait(next_request(chance))
            except queue.Full:
                # A visitor who cannot even come in.
                self.outcomes.append(Outcome(time.time(), WAIT_LIMIT_S, is_ok=False))
            due = max(due + chance.uniform(0.5, 1.5) / self.rate, time.monotonic() - 1)

    def _visit(self) -> None:
        while not self.over.is_set():
            told = self.waiting.get()
            for _ in range(1 + self.retries):
                if self._ask(*told):
                    break

    def _ask(self, method: str, path: str, body: object) -> bool:
        begun, at = time.monotonic(), time.time()
        try:
            is_ok = self.pool.request(method, self.url + path, json=body).status < 500
        except urllib3.exceptions.HTTPError:
            is_ok = False
        self.outcomes.append(Outcome(at, time.monotonic() - begun, is_ok))
        return is_ok


def next_request(chance: random.Random) -> tuple[str, str, object]:
    """One visitor's next request: method, path, JSON body or None."""
    step = chance.choices(list(STEPS), weights=list(STEPS.values()))[0]
    cart = f"c{chance.randrange(CARTS)}"
    product = chance.randint(1, 8)
    if step == "catalogue":
        return "GET", "/", None
    if step == "product":
        return "GET", f"/products/{product}", None
    if step == "add":
        return "POST", f"/cart/{cart}/items", {"product": product, "price_cents": 990}
    if step == "cart":
        return "GET", f"/cart/{cart}", None
    if step == "orders":
        return "GET", "/orders", None
    return "POST", f"/checkout/{cart}", None


def first_trouble(
    outcomes: list[Outcome], began: float, ended: float, baseline_s: float
) -> float | None:
    """When visitors first saw that something is wrong, or None if they never did.

    Of the requests of ten seconds, at least three and a twentieth failed (or three times as many
    as before), or a tenth took longer than half a second and three times as long as before.
    """
    before = [one for one in outcomes if began - baseline_s <= one.at < began]
    usual = sum(not one.is_ok for one in before) / max(1, len(before))
    slow_s = max(0.5, 3 * quantile([one.took_s for one in before], 0.9))
    after = sorted((one for one in outcomes if began <= one.at < ended), key=lambda one: one.at)
    for last in after:
        window = [one for one in after if last.at - 10 < one.at <= last.at]
        failed = sum(not one.is_ok for one in window)
        many = failed >= 3 and failed / len(window) > max(0.05, 3 * usual)
        slow = sum(one.took_s > slow_s for one in window)
        if many or (slow >= 3 and slow / len(window) > 0.1):
            return last.at + last.took_s
    return None


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0
