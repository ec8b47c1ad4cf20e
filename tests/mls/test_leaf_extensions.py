"""What a member shows in its leaf beside keys and credential, from the first epoch on, and how it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tacit.crypto.suites import X25519_SUITE
from tacit.mls import Extension, Group, StagedCommit, create_group, find_extension
from tests.mls.crew import GROUP_ID, NOW_S, Crew
from tests.mls.refusal import breaks

KIND = 0xF7A1
OTHER_KIND = 0xF7A2


def shown(group: Group, name: str) -> bytes | None:
    """What somebody shows, as a member sees it."""
    leaf = next(m.leaf_node for m in group.members() if m.leaf_node.credential_identity == name.encode())
    return find_extension(leaf.extensions, KIND)


def commit(crew: Crew, by: str, *extensions: Extension, **options: Any) -> None:
    """Let somebody show something else, before everybody."""
    options = {"leaf_extensions": extensions, **options}
    group, pending = crew[by].create_commit(
        (), entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, **options
    )
    for name in crew.groups:
        if name != by:
            event = crew[name].process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
            assert isinstance(event, StagedCommit)
            assert event.group_after is not None
            crew.groups[name] = event.group_after
    crew.groups[by] = group.merge(pending)
    crew.check_agreement()


def founder(crew: Crew, *extensions: Extension) -> Group:
    """A group that begins with these in its only leaf."""
    return create_group(
        GROUP_ID,
        X25519_SUITE,
        b"alice",
        crew.key("alice").private,
        extension_types=(KIND,),
        leaf_extensions=extensions,
        entropy=crew.entropy,
        now_s=NOW_S,
    )


def test_the_first_leaf_shows_what_its_owner_wants() -> None:
    crew = Crew(1, extension_types=(KIND,))
    assert shown(founder(crew, Extension(KIND, b"first")), "alice") == b"first"


def test_a_commit_changes_what_its_author_shows_and_nothing_else() -> None:
    crew = Crew(3, extension_types=(KIND,))
    commit(crew, "bob", Extension(KIND, b"bob's"))
    for group in crew.groups.values():
        assert [shown(group, name) for name in ("alice", "bob", "carol")] == [None, b"bob's", None]
    before = crew["alice"].member(crew.index("bob"))
    crew.commit("bob")
    after = crew["alice"].member(crew.index("bob"))
    assert before is not None
    assert after is not None
    assert after.extensions == before.extensions, "a commit that says nothing of them leaves them"
    commit(crew, "bob")
    assert shown(crew["carol"], "bob") is None


def test_showing_something_else_takes_a_path() -> None:
    crew = Crew(2, extension_types=(KIND,))
    commit(crew, "alice", Extension(KIND, b"new"), force_path=False)
    assert shown(crew["bob"], "alice") == b"new"


MAKERS: dict[str, Callable[[Crew], object]] = {
    "in the first leaf": lambda crew: founder(crew, Extension(OTHER_KIND, b"")),
    "in a commit": lambda crew: commit(crew, "alice", Extension(OTHER_KIND, b"")),
}


@pytest.mark.parametrize("where", MAKERS)
def test_what_its_owner_does_not_support_stands_in_no_leaf(where: str) -> None:
    crew = Crew(2, extension_types=(KIND,))
    with breaks("7.3/extension-listed"):
        MAKERS[where](crew)


def test_a_leaf_stays_within_its_bounds() -> None:
    crew = Crew(2, extension_types=(KIND,))
    with breaks("limits/leaf-size"):
        commit(crew, "alice", Extension(KIND, bytes(9_000)))
    crew.say("alice", b"nothing has changed")
