"""Rules for lists of extensions. Source: RFC 9420 §13.4, §17.3"""

from __future__ import annotations

from tacit.errors import DecodeError, InvalidMessage
from tacit.limits import MAX_GROUP_EXTENSIONS_BYTES
from tacit.mls.extensions import (
    Extensions,
    RequiredCapabilities,
    external_senders,
    read_app_data_dictionary,
    required_capabilities,
)
from tacit.mls.registry import EXTENSION_CONTAINERS, Container, ExtensionType


def check_extensions(extensions: Extensions, container: Container) -> None:
    """A list names each type once, and those of the RFC only where the registry lets them stand."""
    check_extensions_unique(extensions)
    for extension in extensions:
        allowed = EXTENSION_CONTAINERS.get(extension.extension_type)
        if allowed is not None and container not in allowed:
            raise InvalidMessage("13.4/extension-container")
        if extension.extension_type == ExtensionType.APP_DATA_DICTIONARY:
            check_app_data_dictionary(extension.extension_data)


def check_extensions_unique(extensions: Extensions) -> None:
    """No two extensions in one list are of the same type."""
    if len({extension.extension_type for extension in extensions}) != len(extensions):
        raise InvalidMessage("13.4/extension-duplicate")


def check_app_data_dictionary(data: bytes) -> None:
    """A dictionary that we understand is well-formed to the last byte."""
    try:
        read_app_data_dictionary(data)
    except DecodeError:
        raise InvalidMessage("13.4/extension-data") from None


def check_group_extensions_size(extensions: Extensions) -> None:
    """The extensions of a group stay small enough to be signed with every message and stored with every epoch."""
    if sum(len(extension.extension_data) for extension in extensions) > MAX_GROUP_EXTENSIONS_BYTES:
        raise InvalidMessage("limits/group-extensions-size")


def check_group_context_extensions(extensions: Extensions) -> RequiredCapabilities:
    """The extensions of a group may stand there and are well-formed; returns what they require of its members."""
    check_group_extensions_size(extensions)
    check_extensions(extensions, Container.GROUP_CONTEXT)
    try:
        external_senders(extensions)
        return required_capabilities(extensions) or RequiredCapabilities()
    except DecodeError:
        raise InvalidMessage("13.4/extension-data") from None
