"""Visitors for the shop: a steady stream of requests that swells and ebbs like a short day.

The stream is open: requests start at their time whether or not the last one was answered, as real
visitors do. At most `--visitors` are under way at once; beyond that a request is left out and
counted, so a shop in trouble is never buried.
"""

import argparse
import math
import queue
import random
import signal
import threading
import time

import urllib3

# The share of each step among all requests; few buy, as in any shop.
STEPS = {"catalogue": 20, "product": 36, "add": 22, "cart": 8, "checkout": 14}
PRODUCTS = 8
CARTS = 60


def rate_at(seconds, mean, day_s):
    """Requests a second at `seconds` into the run: the mean, a third more or less over a day."""
    return mean * (1 + math.sin(2 * math.pi * seconds / day_s) / 3)


def next_request(chance):
    """One visitor's next request: method, path, JSON body or None."""
    step = chance.choices(list(STEPS), weights=STEPS.values())[0]
    cart = f"c{chance.randrange(CARTS)}"
    product = chance.randint(1, PRODUCTS)
    if step == "catalogue":
        return "GET", "/", None
    if step == "product":
        # One visitor in fifty follows a dead link.
        return "GET", f"/products/{product if chance.random() > 0.02 else 99}", None
    if step == "add":
        return "POST", f"/cart/{cart}/items", {"product": product}
    if step == "cart":
        return "GET", f"/cart/{cart}", None
    return "POST", "/checkout", {"cart": cart}


class Visitors:
    """A fixed number of threads that send what they are given and count how it ended."""

    def __init__(self, url, visitors):
        self.url = url
        self.pool = urllib3.PoolManager(maxsize=visitors, retries=False, timeout=5.0)
        self.waiting = queue.Queue(maxsize=visitors)
        self.lock = threading.Lock()
        self.ended = {}
        for _ in range(visitors):
            threading.Thread(target=self._visit, daemon=True).start()

    def send(self, told):
        """Hands a request to a free visitor; counts it as left out when there is none."""
        try:
            self.waiting.put_nowait(told)
        except queue.Full:
            self._count("left out")

    def take_counts(self):
        """How the requests since the last call ended: outcome → number."""
        with self.lock:
            ended, self.ended = self.ended, {}
        return ended

    def _visit(self):
        while True:
            method, path, body = self.waiting.get()
            try:
                answer = self.pool.request(method, self.url + path, json=body)
                self._count(f"{answer.status // 100}xx")
            except urllib3.exceptions.HTTPError:
                self._count("no answer")

    def _count(self, outcome):
        with self.lock:
            self.ended[outcome] = self.ended.get(outcome, 0) + 1


def run(visitors, told, stop):
    """Sends until `stop` is set or `told.duration` seconds are over; a line every ten seconds."""
    chance = random.Random(told.seed)
    start = due = time.monotonic()
    report_at = start + 10
    while True:
        now = time.monotonic()
        if stop.wait(max(0.0, due - now)) or (told.duration and now - start > told.duration):
            return
        visitors.send(next_request(chance))
        # Evenly random gaps: steady in the mean, never in lockstep with anything.
        due += chance.uniform(0.5, 1.5) / rate_at(due - start, told.rate, told.day)
        # After a stall, go on from now rather than send everything that was missed at once.
        due = max(due, now - 1)
        if now >= report_at:
            report_at = now + 10
            counts = visitors.take_counts()
            parts = ", ".join(f"{key} {counts[key]}" for key in sorted(counts))
            print(f"{sum(counts.values()) / 10:.1f} req/s: {parts}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8101", help="the storefront")
    parser.add_argument("--rate", type=float, default=25, help="mean requests a second")
    parser.add_argument("--day", type=float, default=600, help="seconds from peak to peak")
    parser.add_argument("--visitors", type=int, default=16, help="requests under way at once")
    parser.add_argument("--duration", type=float, default=0, help="seconds; 0 is without end")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(Visitors(told.url, told.visitors), told, stop)


if __name__ == "__main__":
    main()
