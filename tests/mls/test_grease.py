"""Values that mean nothing: we send them so that others stay tolerant, and ignore them as anything unknown."""

from __future__ import annotations

from dataclasses import replace

from tacit.mls import (
    Add,
    CustomProposal,
    Extension,
    Group,
    GroupContextExtensions,
    KeyPackage,
    KeyPackageBundle,
    Remove,
    RequiredCapabilities,
    StagedCommit,
    Update,
    create_group,
    create_key_package,
    decode_message,
    join,
    load,
    read_key_package,
    save,
)
from tacit.mls.proposal_lists import CommittedProposal
from tacit.mls.registry import GREASE_VALUES
from tests.mls.crew import GROUP_ID, NOW_S, Crew
from tests.mls.mirror import Mirror, forge_key_package, forge_key_package_leaf
from tests.mls.refusal import breaks, refuses

POLL = 0xF123
"""A proposal type of an application."""


def grease(values: tuple[int, ...]) -> list[int]:
    return [value for value in values if value in GREASE_VALUES]


def in_extensions(extensions: tuple[Extension, ...]) -> list[int]:
    return grease(tuple(extension.extension_type for extension in extensions))


def test_key_packages_carry_grease_wherever_it_may_stand() -> None:
    crew = Crew(1)
    for _ in range(20):
        package = crew.bundle("bob").key_package
        listed = package.leaf_node.capabilities
        for values in (listed.cipher_suites, listed.extensions, listed.proposals, listed.credentials):
            assert len(grease(values)) == 1
        assert in_extensions(package.leaf_node.extensions) == grease(listed.extensions)
        assert in_extensions(package.extensions) == grease(listed.extensions)
        assert not grease(listed.versions)
        assert package.leaf_node.credential.credential_type not in GREASE_VALUES


def test_grease_differs_from_package_to_package() -> None:
    crew = Crew(1)
    packages = [crew.bundle("bob").key_package for _ in range(60)]
    assert len({tuple(grease(p.leaf_node.capabilities.extensions)) for p in packages}) > 10
    sizes = {len(p.leaf_node.extensions[0].extension_data) for p in packages}
    assert sizes == set(range(8))
    assert len({p.leaf_node.extensions[0].extension_data for p in packages}) > 40


def test_the_creator_of_a_group_carries_it_and_the_group_does_not() -> None:
    crew = Crew(3)
    crew.commit("bob")
    crew.propose_update("carol")
    crew.commit("alice")
    for member in crew["alice"].members():
        assert in_extensions(member.leaf_node.extensions)
        assert grease(member.leaf_node.capabilities.extensions)
    assert not in_extensions(crew["alice"].extensions)


def test_grease_can_be_left_out() -> None:
    crew = Crew(1)
    bundle = create_key_package(
        crew.suite.id, b"bob", crew.key("bob").private, now_s=NOW_S, entropy=crew.entropy, grease=False
    )
    group = create_group(
        GROUP_ID, crew.suite.id, b"bob", crew.key("bob").private, now_s=NOW_S, entropy=crew.entropy, grease=False
    )
    for leaf in (bundle.key_package.leaf_node, group.members()[0].leaf_node):
        listed = leaf.capabilities
        for values in (listed.cipher_suites, listed.extensions, listed.proposals, listed.credentials):
            assert not grease(values)
        assert leaf.extensions == ()
    assert bundle.key_package.extensions == ()


def strange(crew: Crew, name: str) -> KeyPackage:
    """A key package of a client from the future."""
    package, private = crew.bundle(name).key_package, crew.key(name).private
    listed = package.leaf_node.capabilities
    unknown = (0x1A1A, 0xEAEA, 0x7777, 0xFFFF)
    forged = forge_key_package_leaf(
        package,
        crew.suite,
        private,
        capabilities=replace(
            listed,
            versions=(*listed.versions, 2, 0x0A0A),
            cipher_suites=(*unknown, *listed.cipher_suites),
            extensions=(*unknown, *listed.extensions),
            proposals=(*unknown, *listed.proposals),
            credentials=(*unknown, *listed.credentials),
        ),
        extensions=tuple(Extension(value, bytes(range(n))) for n, value in enumerate(unknown)),
    )
    return forge_key_package(forged, crew.suite, private, extensions=(Extension(0x7777, b"?"), Extension(0x3A3A, b"")))


def test_what_is_unknown_is_kept_to_the_byte() -> None:
    crew = Crew(2)
    bundle = crew.bundle("carol")
    package = strange(crew, "carol")
    published = replace(bundle, key_package=package)
    assert read_key_package(published.key_package_bytes, now_s=NOW_S, authenticate=crew.authenticate) == package
    assert decode_message(published.key_package_bytes) == package
    crew.commit("alice", [Add(package)])
    for group in (crew["alice"], load(save(crew["bob"]))):
        assert group.members()[2].leaf_node.encoded == package.leaf_node.encoded


def test_grease_in_a_group_context_is_an_extension_that_we_lack() -> None:
    """No special rule: what is unknown there is refused, even if the very value stands in all our capabilities."""
    crew = Crew(2)
    both = set(crew["alice"].members()[0].leaf_node.capabilities.extensions)
    for value in (*GREASE_VALUES, *both):
        if value not in GREASE_VALUES:
            continue
        proposal = GroupContextExtensions((Extension(value, b""),))
        mirror = Mirror(crew["alice"], crew.entropy)
        error = refuses(crew, "bob", mirror.commit([proposal]).message)
        assert error.check in ("13.4/group-context-extension", "13.4/unsupported-group-extension")  # type: ignore[attr-defined]


def test_nobody_begins_or_requires_what_he_lists_only_for_show() -> None:
    """Own capabilities are compared without the GREASE in them."""
    crew = Crew(1)
    (alice,) = crew["alice"].members()
    listed = alice.leaf_node.capabilities
    show = (grease(listed.extensions), grease(listed.proposals), grease(listed.credentials))
    for lists in ((show[0], (), ()), ((), show[1], ()), ((), (), show[2])):
        required = RequiredCapabilities(*map(tuple, lists)).as_extension()
        with breaks("13.4/unsupported-group-extension"):
            crew.create_commit("alice", [GroupContextExtensions((required,))])
    for value in GREASE_VALUES:
        with breaks("13.4/unsupported-group-extension"):
            create_group(
                GROUP_ID,
                crew.suite.id,
                b"bob",
                crew.key("bob").private,
                extensions=(Extension(value, b""),),
                extension_types=GREASE_VALUES,
                now_s=NOW_S,
                entropy=crew.entropy,
            )


def test_whom_a_commit_removes_does_not_judge_what_the_group_goes_on_with() -> None:
    """Not even where somebody new takes the very place."""
    crew = Crew(3, extension_types=GREASE_VALUES)
    mirror = Mirror(crew["alice"], crew.entropy)
    in_use = GroupContextExtensions((Extension(GREASE_VALUES[0], b""),))
    replaced = [in_use, Remove(crew.index("bob")), Add(crew.bundle("dave").key_package)]
    commit = mirror.commit(replaced).message
    event = crew["bob"].process(commit, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.group_after is None
    refuses(crew, "carol", commit, "13.4/unsupported-group-extension")


# --- proposals of an application ---------------------------------------------------------------------------------


class Pollsters(Crew):
    """A crew whose members know a type of proposal of their own."""

    def __init__(self, size: int, *, knowing: tuple[str, ...]) -> None:
        self.knowing = knowing
        super().__init__(1)
        self.groups["alice"] = self._group("alice")
        names = ("bob", "carol", "dave")[: size - 1]
        self.add("alice", *names)

    def _group(self, name: str) -> Group:
        return create_group(
            GROUP_ID,
            self.suite.id,
            name.encode(),
            self.key(name).private,
            proposal_types=self.types(name),
            entropy=self.entropy,
            now_s=NOW_S,
        )

    def types(self, name: str) -> tuple[int, ...]:
        return (POLL,) if name in self.knowing else ()

    def bundle(self, name: str, *, last_resort: bool = False) -> KeyPackageBundle:
        return create_key_package(
            self.suite.id,
            name.encode(),
            self.key(name).private,
            proposal_types=self.types(name),
            last_resort=last_resort,
            now_s=NOW_S,
            entropy=self.entropy,
        )


def test_a_proposal_of_the_application_arrives_as_it_was_sent() -> None:
    crew = Pollsters(3, knowing=("alice", "bob", "carol"))
    poll = CustomProposal(POLL, b"tea or coffee?")
    crew.propose("bob", poll)
    assert [cached.proposal for cached in crew["carol"].pending_proposals] == [poll]
    pending = crew.create_commit("alice", [CustomProposal(POLL, b"")])
    event = crew["carol"].process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S)
    assert isinstance(event, StagedCommit)
    assert [item.proposal for item in event.proposals] == [poll, CustomProposal(POLL, b"")]
    assert [item.sender for item in event.proposals] == [1, 0]
    assert (event.added, event.removed, event.updated) == ((), (), ())


def test_one_who_does_not_know_the_type_is_enough_to_refuse_it() -> None:
    crew = Pollsters(3, knowing=("alice", "bob"))
    poll = CustomProposal(POLL, b"?")
    mirror = Mirror(crew["alice"], crew.entropy)
    for message in (mirror.private(poll), mirror.commit([poll]).message):
        for name in ("bob", "carol"):
            refuses(crew, name, message, "12.2/proposal-type")
    with breaks("12.2/proposal-type"):
        crew.create_commit("alice", [poll])


def test_who_comes_or_goes_need_not_know_the_type() -> None:
    crew = Pollsters(3, knowing=("alice", "bob"))
    poll = CustomProposal(POLL, b"?")
    newcomer = crew.bundle("dave")
    pending = crew.commit("alice", [poll, Remove(crew.index("carol")), Add(newcomer.key_package)])
    assert pending.welcome is not None
    joined = join(pending.welcome, [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["dave"] = joined.group
    crew.say("dave", b"hello")
    with breaks("12.2/proposal-type"):
        crew.create_commit("alice", [poll])


def test_a_group_can_require_a_type_of_proposal() -> None:
    crew = Pollsters(2, knowing=("alice", "bob"))
    required = RequiredCapabilities(proposal_types=(POLL,)).as_extension()
    crew.commit("alice", [GroupContextExtensions((required,))])
    with breaks("7.3/required-capabilities"):
        crew.create_commit("alice", [Add(crew.bundle("carol").key_package)])
    mirror = Mirror(crew["alice"], crew.entropy)
    forgetful = replace(mirror.own_leaf.capabilities, proposals=())
    refuses(
        crew, "bob", mirror.private(Update(mirror.update_leaf(capabilities=forgetful))), "7.3/required-capabilities"
    )


class Salted(Pollsters):
    """A crew whose members all list all the GREASE there is among their proposals."""

    def types(self, name: str) -> tuple[int, ...]:
        return GREASE_VALUES


def test_grease_is_no_type_of_proposal_even_if_everybody_lists_it() -> None:
    """Our own list says so only for show, and so it is no proposal that we can process."""
    crew = Salted(2, knowing=())
    mirror = Mirror(crew["alice"], crew.entropy)
    for value in GREASE_VALUES:
        proposal = CustomProposal(value, b"")
        assert all(value in member.leaf_node.capabilities.proposals for member in crew["bob"].members())
        refuses(crew, "bob", mirror.private(proposal), "12.2/proposal-type")
        refuses(crew, "bob", mirror.commit([proposal]).message, "12.2/proposal-type")
        with breaks("12.2/proposal-type"):
            crew["alice"].propose(proposal, entropy=crew.entropy)
    crew.remove("alice", "bob")
    with breaks("12.2/proposal-type"):
        crew.create_commit("alice", [CustomProposal(GREASE_VALUES[0], b"")])


def test_whom_a_commit_removes_does_not_judge_what_those_who_stay_can_read() -> None:
    crew = Salted(3, knowing=())
    mirror = Mirror(crew["alice"], crew.entropy)
    gone = Remove(crew.index("bob"))
    proposals = [CustomProposal(GREASE_VALUES[0], b""), gone]
    listed = [CommittedProposal(gone, crew.index("alice"))]
    event = crew["bob"].process(mirror.commit(proposals, listed=listed).message, authenticate=crew.authenticate)
    assert isinstance(event, StagedCommit)
    assert event.group_after is None
