"""What counts as right, and what a visitor sees as trouble."""

import judging
import recording
import synthetic
import visitors


def incident(start, *suspects, opened=None):
    named = [{"entity": {"type": kind, "name": name}} for kind, name in suspects]
    return {"start": f"1970-01-01T00:{start:02}:00Z", "opened": opened, "suspects": named}


def check_judged(incidents, ranks, *, roots=(("*", "a"),), during=1, before=0):
    roots = [[{"type": kind, "name": name}] for kind, name in roots]
    truth = {"fault": "f", "began": 600.0, "seen": 630.0, "roots": roots}
    verdict = judging.judged(truth, incidents)
    assert (verdict.ranks, verdict.incidents, verdict.before) == (ranks, during, before)
    return verdict


def test_the_incident_that_opened_first_is_the_one_that_is_judged():
    first = incident(11, ("service", "b"), ("service", "a"))
    second = incident(12, ("service", "a"))
    check_judged([second, first], (1,), during=2)


def test_an_incident_from_before_the_fault_is_a_false_one():
    check_judged([incident(3, ("service", "a"))], (None,), during=0, before=1)


def test_of_two_causes_each_may_have_its_own_incident():
    found = [incident(11, ("service", "a")), incident(12, ("queue", "x"), ("service", "b"))]
    verdict = check_judged(found, (0, 1), roots=(("*", "a"), ("service", "b")), during=2)
    assert verdict.is_one() and not verdict.has_first() and verdict.has_among_first()


def test_another_thing_of_the_same_name_is_wrong_where_the_type_is_told():
    check_judged([incident(11, ("host", "a"))], (None,), roots=(("service", "a"),))


def test_the_wait_counts_from_what_a_visitor_saw():
    one = incident(11, ("service", "a"), opened="1970-01-01T00:13:00Z")
    assert check_judged([one], (0,)).open_after_s == 150.0


def outcomes(rate, failing, took_s, start, seconds):
    """`failing` of ten fail."""
    return [
        visitors.Outcome(start + n / rate, took_s, n % 10 >= failing)
        for n in range(int(rate * seconds))
    ]


def test_visitors_see_failures_and_waiting_but_not_what_was_always_so():
    well = outcomes(5, 1, 0.1, 0, 100)
    for then, expected in [
        (outcomes(5, 1, 0.1, 100, 60), None),
        (outcomes(5, 9, 0.1, 100, 60), 100.5),
        (outcomes(5, 1, 2.0, 100, 60), 102.4),
    ]:
        seen = visitors.first_trouble(well + then, 100, 160, 100)
        assert seen == expected if expected is None else abs(seen - expected) < 0.3, seen


def test_a_counter_goes_on_where_the_next_span_begins():
    assert recording.lifted([(1.0, "5"), (2.0, "7")], 107.0) == [(1.0, "105.0"), (2.0, "107.0")]
    assert recording.lifted([(1.0, "50"), (2.0, "70")], 7.0) == [(1.0, "-13.0"), (2.0, "7.0")]


def test_a_family_has_the_type_that_openmetrics_allows_it():
    metadata = {
        "requests": [{"type": "counter"}],
        "pg_xacts": [{"type": "counter"}],
        "pg_locks_count": [{"type": "gauge"}],
        "wait_seconds": [{"type": "histogram"}],
    }
    names = ["pg_locks_count", "pg_xacts", "requests_total", "wait_seconds_count", "wait_seconds_sum"]
    found = dict(recording.families([*names, "ALERTS", "pyrometer:kpi"], metadata))
    kinds = {family: recording.kind_of(family, found[family], metadata) for family in found}
    assert kinds == {
        "pg_locks_count": "gauge",
        "pg_xacts": "unknown",
        "requests": "counter",
        "wait_seconds": "histogram",
    }
    counted = [name for name in names if recording.is_counted(name, metadata)]
    assert counted == ["pg_xacts", "requests_total", "wait_seconds_count", "wait_seconds_sum"]


def test_a_seed_always_makes_the_same_case():
    for seed in (0, 3, 14):
        case, again = synthetic.make(seed), synthetic.make(seed)
        assert case == again
        root = case.parts[case.root].name
        during = [
            case.series["requests", "", part.name][case.began] is None for part in case.parts
        ]
        if case.fault == "vanish":
            assert case.series["requests", "", root][case.began] is None and not all(during)
        assert all(len(values) == case.steps for values in case.series.values())
