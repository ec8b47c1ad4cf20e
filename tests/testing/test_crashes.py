"""A crash leaves the files of its moment, and the doomed client can no longer reach anything that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.client.store import Store
from tacit.testing.crashes import Crashed, CrashPlan, replace_profile
from tacit.testing.links import Cut, Deliver, Passing
from tests.client.stores import CHAT, KEY, filled_store, message, message_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alice").mkdir()
    return tmp_path / "alice"


def passing(name: str, *, to_relay: bool) -> Passing:
    return Passing(to_relay, 1, name, 1, None, b"frame")


def test_without_a_moment_nobody_dies_and_all_moments_are_listed(folder: Path) -> None:
    plan = CrashPlan(folder, lambda: None)
    plan.checkpoint("after-commit")
    assert plan.meddle(passing("append", to_relay=True)) is None
    assert plan.meddle(passing("appended", to_relay=False)) == [Deliver(b"frame")]
    assert plan.moments == ["after-commit", "before-append", "got-appended"]
    assert not plan.is_dead


def add_and_die(store: Store, plan: CrashPlan) -> None:
    with store.transaction():
        store.add_message(message(2))
        plan.checkpoint("before-commit")


def test_the_wreck_is_what_was_on_the_disk_at_that_moment(folder: Path) -> None:
    cuts: list[bool] = []
    plan = CrashPlan(folder, lambda: cuts.append(True), at=2)
    store = filled_store(folder / "store.db")
    store.add_message(message(1))
    plan.checkpoint("after-commit")
    with pytest.raises(Crashed):
        add_and_die(store, plan)
    assert plan.is_dead
    assert cuts == [True]
    with pytest.raises(Crashed):
        plan.checkpoint("before-transaction")
    assert plan.meddle(passing("append", to_relay=True)) == [Cut()]
    store.add_message(message(3))  # the doomed client goes on, and it does not matter
    store.close()
    assert plan.wreck is not None
    replace_profile(folder, plan.wreck)
    after = Store.open(folder / "store.db", KEY)
    assert [m.id for m in after.messages(CHAT, 10)] == [message_id(1)]
    after.close()


def test_a_frame_can_be_the_moment(folder: Path) -> None:
    plan = CrashPlan(folder, lambda: None, at=1)
    assert plan.meddle(passing("appended", to_relay=False)) == [Cut()]
    assert plan.is_dead
    assert plan.moments == ["got-appended"]
