"""The end of a life: the group is closed, and its members go on in a new one, which nobody else gets into."""

from __future__ import annotations

import pytest

from tacit.mls import Group, GroupReinitialized, ReInit, create_key_package, join, load, reinitialize, save
from tests.mls.machine.world import EXTENSION_TYPE, World

NEXT_GROUP = b"machine, moved"


def move(world: World) -> None:
    """Somebody closes the group in which all are up to date; nothing is said there any more, and all meet again."""
    first = next(iter(world.devices.values()))
    reinit = ReInit(NEXT_GROUP, 1, world.suite.id, ())
    world.commit(first, [reinit], include_pending=False, force_path=True, private=None)
    assert world.submit(first)
    for device in world.devices.values():
        assert world.follow(device)
        closed = load(save(device.group))
        assert closed.reinit == reinit
        with pytest.raises(GroupReinitialized):
            closed.seal(b"too late", entropy=world.entropy)
    assert len({device.group.epoch_authenticator for device in world.devices.values()}) == 1
    meet(world)


def meet(world: World) -> None:
    """One member of the closed group makes the new one, and all others join it; they understand each other."""
    first, *others = world.devices.values()
    bundles = {
        device.name: create_key_package(
            world.suite.id,
            device.name.encode(),
            device.group.state.signature_private.reveal(),
            now_s=world.now_s,
            entropy=world.entropy,
            extension_types=(EXTENSION_TYPE,),
        )
        for device in others
    }
    begun = reinitialize(
        first.group,
        [bundle.key_package for bundle in bundles.values()],
        entropy=world.entropy,
        now_s=world.now_s,
        authenticate=world.authenticate,
    )
    groups: list[Group] = [begun.group]
    for device in others:
        assert begun.welcome is not None
        joined = join(
            begun.welcome,
            [bundles[device.name]],
            authenticate=world.authenticate,
            known_group=lambda group_id: False,
            resume={device.group.group_id: device.group}.get,
        )
        groups.append(joined.group)
    assert {group.epoch_authenticator for group in groups} == {begun.group.epoch_authenticator}
    _, message = begun.group.seal(b"here we are", entropy=world.entropy)
    for group in groups[1:]:
        assert group.process(message, authenticate=world.authenticate).data == b"here we are"  # type: ignore[union-attr]
