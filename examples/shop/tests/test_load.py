import random

import load
import pytest


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 30), (150, 40), (300, 30), (450, 20), (600, 30)]
)
def test_the_rate_swells_and_ebbs_once_a_day(seconds, expected):
    assert load.rate_at(seconds, mean=30, day_s=600) == pytest.approx(expected)


def test_requests_come_in_the_shares_of_the_steps():
    chance = random.Random(7)
    sent = [load.next_request(chance) for _ in range(20_000)]
    checkouts = sum(path == "/checkout" for _, path, _ in sent)
    dead_links = sum(path == "/products/99" for _, path, _ in sent)
    assert checkouts / len(sent) == pytest.approx(0.14, abs=0.01)
    assert dead_links / len(sent) == pytest.approx(0.36 * 0.02, abs=0.003)
