"""Processes that help, and a collector that seldom looks."""

from __future__ import annotations

import gc

import pytest

from hub.db.processes import SELDOM, Processes, seldom_collected


def test_answers_come_in_the_order_of_their_jobs() -> None:
    helped = Processes(2, int)
    try:
        assert list(helped.map(pow, ((2, n) for n in range(9)))) == [2**n for n in range(9)]
    finally:
        helped.close()


def test_what_goes_wrong_in_a_job_is_told() -> None:
    helped = Processes(1, int)
    try:
        with pytest.raises(ZeroDivisionError):
            list(helped.map(divmod, [(1, 1), (1, 0)]))
    finally:
        helped.close()


def test_the_collector_looks_seldom_only_meanwhile() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold() == SELDOM
        with seldom_collected():
            pass
        assert gc.get_threshold() == SELDOM
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_process_that_set_its_own_pace_keeps_it() -> None:
    before = gc.get_threshold()
    gc.freeze()
    try:
        with seldom_collected():
            assert gc.get_threshold() == before
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
