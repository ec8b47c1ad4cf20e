"""What every hostile test asserts: the message is refused for the rule it breaks, and nothing at all has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tacit.errors import InvalidMessage, PeerError
from tacit.mls import Group, KeyPackageBundle, LeafNode, Policy, SavedGroup, join, save
from tests.mls.crew import NOW_S, Crew


def state_of(group: Group) -> SavedGroup:
    """The stored form, made anew."""
    return save(replace(group, state=replace(group.state)))


def refuses(
    crew: Crew,
    name: str,
    message: bytes,
    check: str | None = None,
    *,
    error: type[PeerError] = InvalidMessage,
    policy: Policy | None = None,
    authenticate: Callable[[LeafNode | None, LeafNode], None] | None = None,
) -> PeerError:
    """Let somebody process a message, which must fail with ``check`` and leave their group bit-identical."""
    group = crew[name]
    before = state_of(group)
    with pytest.raises(error) as caught:
        group.process(message, authenticate=authenticate or crew.authenticate, now_s=NOW_S, policy=policy or Policy())
    if check is not None:
        assert isinstance(caught.value, InvalidMessage)
        assert caught.value.check == check
    assert state_of(group) == before
    return caught.value


def refuses_to_join(
    crew: Crew,
    welcome: bytes,
    bundle: KeyPackageBundle,
    check: str | None = None,
    *,
    error: type[PeerError] = InvalidMessage,
    known_group: Callable[[bytes], bool] = lambda group_id: False,
    policy: Policy | None = None,
) -> PeerError:
    """Let somebody process a Welcome, which must fail with ``check`` and leave the key package as it is."""
    before = bundle.encode()
    with pytest.raises(error) as caught:
        join(
            welcome,
            [bundle],
            authenticate=crew.authenticate,
            known_group=known_group,
            policy=policy or Policy(),
        )
    if check is not None:
        assert isinstance(caught.value, InvalidMessage)
        assert caught.value.check == check
    assert bundle.encode() == before
    return caught.value


@contextmanager
def breaks(check: str) -> Iterator[None]:
    """What is done in here is refused for breaking that rule."""
    with pytest.raises(InvalidMessage) as caught:
        yield
    assert caught.value.check == check
