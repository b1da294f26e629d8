from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from experiments.plan import Plan

STEPS, EVERY = st.integers(1, 60), st.integers(0, 70)


@given(steps=STEPS, points=st.integers(1, 70), report=EVERY, save=EVERY, start=st.integers(0, 60), back=EVERY)
def test_stops_are_the_steps_at_which_something_is_due(steps, points, report, save, start, back):
    plan = Plan(steps, points, report_every=report, save_every=save)
    start, reported = min(start, steps), max(0, start - back)
    due = [n for n in range(1, steps + 1) if n > start and (plan.has_line(n) or plan.has_checkpoint(n))]
    again = [start] if start > reported and plan.has_line(start) else []
    assert list(plan.stops(start, reported)) == again + due
    assert sum(plan.is_point(n) for n in range(steps + 1)) == min(points, steps)
    assert plan.is_point(steps)


def test_a_plan_of_billions_of_stops_is_not_kept_in_memory():
    plan = Plan(2**31 - 1, 2**31 - 1, report_every=1, save_every=1)
    assert list(islice(plan.stops(10**9, 10**9), 2)) == [10**9 + 1, 10**9 + 2]
