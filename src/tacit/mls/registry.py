"""Every code point of RFC 9420 that this room knows, and the facts its registries state about them.

Source: RFC 9420 §6, §7, §8.4, §12.4, §17; extension and component of draft-ietf-mls-extensions.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeVar

from tacit.errors import DecodeError

MLS10: Final = 1
"""The only ProtocolVersion."""


class WireFormat(IntEnum):
    """What an MLSMessage holds."""

    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


class ContentType(IntEnum):
    """What a framed message carries."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


class SenderType(IntEnum):
    """Who signed a framed message."""

    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


class NodeType(IntEnum):
    """What a node of the ratchet tree is."""

    LEAF = 1
    PARENT = 2


class LeafNodeSource(IntEnum):
    """How a leaf came into the tree."""

    KEY_PACKAGE = 1
    UPDATE = 2
    COMMIT = 3


class ProposalOrRefType(IntEnum):
    """How a commit names a proposal."""

    PROPOSAL = 1
    REFERENCE = 2


class PSKType(IntEnum):
    """Where a pre-shared key comes from."""

    EXTERNAL = 1
    RESUMPTION = 2


class ResumptionPSKUsage(IntEnum):
    """What a resumption PSK proves."""

    APPLICATION = 1
    REINIT = 2
    BRANCH = 3


class CredentialType(IntEnum):
    """Kinds of credential."""

    BASIC = 1
    X509 = 2


class ProposalType(IntEnum):
    """The proposals of RFC 9420, which every client implements."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3
    PSK = 4
    REINIT = 5
    EXTERNAL_INIT = 6
    GROUP_CONTEXT_EXTENSIONS = 7


class ExtensionType(IntEnum):
    """The extensions that this room understands."""

    APPLICATION_ID = 1
    RATCHET_TREE = 2
    REQUIRED_CAPABILITIES = 3
    EXTERNAL_PUB = 4
    EXTERNAL_SENDERS = 5
    APP_DATA_DICTIONARY = 6
    """draft-ietf-mls-extensions; not a default extension, so leaves list it in their capabilities."""
    LAST_RESORT = 10
    """Earlier drafts of the same. Others still send it; what we write is the component that came in its place."""


class ComponentID(IntEnum):
    """Entries of an app_data_dictionary. Source: draft-ietf-mls-extensions."""

    LAST_RESORT_KEY_PACKAGE = 4


class Container(IntEnum):
    """Where a list of extensions stands; the registry says which extension may stand where."""

    KEY_PACKAGE = 1
    LEAF_NODE = 2
    GROUP_CONTEXT = 3
    GROUP_INFO = 4


DEFAULT_PROPOSAL_TYPES: Final = frozenset(int(value) for value in ProposalType)
"""Implemented by every client, so never listed in capabilities."""

DEFAULT_EXTENSION_TYPES: Final = frozenset(range(1, 6))
"""Implemented by every client, so never listed in capabilities."""

PATH_REQUIRED: Final = frozenset(
    {
        ProposalType.UPDATE,
        ProposalType.REMOVE,
        ProposalType.EXTERNAL_INIT,
        ProposalType.GROUP_CONTEXT_EXTENSIONS,
    }
)
"""A commit that covers one of these carries an update path. Source: RFC 9420 §12.4, §17.4"""

EXTERNAL_PROPOSAL_TYPES: Final = frozenset(
    {
        ProposalType.ADD,
        ProposalType.REMOVE,
        ProposalType.PSK,
        ProposalType.REINIT,
        ProposalType.GROUP_CONTEXT_EXTENSIONS,
    }
)
"""What an external sender may propose. Source: RFC 9420 §12.1.8, §17.4"""

EXTENSION_CONTAINERS: Final[dict[int, frozenset[Container]]] = {
    ExtensionType.APPLICATION_ID: frozenset({Container.LEAF_NODE}),
    ExtensionType.RATCHET_TREE: frozenset({Container.GROUP_INFO}),
    ExtensionType.REQUIRED_CAPABILITIES: frozenset({Container.GROUP_CONTEXT}),
    ExtensionType.EXTERNAL_PUB: frozenset({Container.GROUP_INFO}),
    ExtensionType.EXTERNAL_SENDERS: frozenset({Container.GROUP_CONTEXT}),
    ExtensionType.LAST_RESORT: frozenset({Container.KEY_PACKAGE}),
}
"""Where these extensions may stand; those not named here are judged by whoever defines them."""

GREASE_VALUES: Final = tuple(n << 8 | n for n in range(0x0A, 0xFA, 0x10))
"""Reserved in every 16-bit registry to keep receivers tolerant. Source: RFC 9420 §13.5"""

_E = TypeVar("_E", bound=IntEnum)


def read_enum(kind: type[_E], value: int) -> _E:
    """The member with that value; raises ``DecodeError`` for a value the RFC reserves or leaves open."""
    try:
        return kind(value)
    except ValueError:
        raise DecodeError(f"unknown {kind.__name__}") from None
