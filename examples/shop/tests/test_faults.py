import faults
import pytest


class Clock:
    """Stands in for the event that the schedule waits on: time passes at once."""

    def __init__(self, seconds_to_live=float("inf")):
        self.now = 0.0
        self.end = seconds_to_live

    def wait(self, seconds):
        self.now += seconds
        return self.now >= self.end


def test_what_is_written_is_read(tmp_path):
    switch = tmp_path / "fault.json"
    fault = faults.Fault((0.4, 0.9), 0.7)
    faults.write(switch, fault)
    assert faults.read(switch) == fault


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"slow_s": 1, "failing": 0}', '"x"', "\0"])
def test_a_damaged_switch_means_no_fault(tmp_path, text):
    switch = tmp_path / "fault.json"
    switch.write_text(text)
    assert faults.read(switch) == faults.NONE


def test_a_missing_switch_means_no_fault(tmp_path):
    assert faults.read(tmp_path / "nothing") == faults.NONE


def test_the_schedule_goes_from_calm_to_slow_to_failing_and_back(tmp_path):
    switch = tmp_path / "fault.json"
    clock = Clock()
    seen = []
    faults.run(
        switch,
        faults.cycle(60, 45, 90, 100),
        1,
        clock,
        lambda _: seen.append((clock.now, faults.read(switch))),
    )
    slow, failing = faults.Fault((0.4, 0.9)), faults.Fault((0.4, 0.9), 0.7)
    assert faults.read(switch) == faults.NONE
    assert seen == [(0, faults.NONE), (60, slow), (105, failing), (195, faults.NONE)]


def test_a_stopped_schedule_leaves_no_fault_on(tmp_path):
    switch = tmp_path / "fault.json"
    faults.run(switch, faults.cycle(0, 45, 90, 0), 0, Clock(seconds_to_live=10), lambda _: None)
    assert faults.read(switch) == faults.NONE
