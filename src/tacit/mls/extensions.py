"""Extensions: typed additions to key packages, leaves, group contexts and group infos.

Unknown ones stay opaque and are carried along. Source: RFC 9420 §5.3.3, §11.1, §12.1.8.1, §12.4.3.2, §13.4;
app_data_dictionary of draft-ietf-mls-extensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from tacit.codec import Reader, Writer, decode, encode
from tacit.errors import DecodeError
from tacit.mls.credentials import Credential, read_credential
from tacit.mls.registry import ComponentID, ExtensionType


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: a type and bytes whose form the type fixes."""

    extension_type: int
    extension_data: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.extension_type)
        w.opaque(self.extension_data)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.u16(), r.opaque())


Extensions = tuple[Extension, ...]


def write_extensions(w: Writer, extensions: Extensions) -> None:
    """Append ``Extension extensions<V>``."""
    w.vector(extensions, Writer.struct)


def read_extensions(r: Reader) -> Extensions:
    """Take ``Extension extensions<V>`` off ``r``."""
    return r.vector(Extension.read)


def find_extension(extensions: Iterable[Extension], extension_type: int) -> bytes | None:
    """The data of the extension of that type, if there is one."""
    for extension in extensions:
        if extension.extension_type == extension_type:
            return extension.extension_data
    return None


@dataclass(frozen=True, slots=True)
class RequiredCapabilities:
    """What every member must support. Source: RFC 9420 §11.1"""

    extension_types: tuple[int, ...] = ()
    proposal_types: tuple[int, ...] = ()
    credential_types: tuple[int, ...] = ()

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.vector(self.extension_types, Writer.u16)
        w.vector(self.proposal_types, Writer.u16)
        w.vector(self.credential_types, Writer.u16)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.vector(Reader.u16), r.vector(Reader.u16), r.vector(Reader.u16))

    def as_extension(self) -> Extension:
        """The GroupContext extension that asks for this."""
        return Extension(ExtensionType.REQUIRED_CAPABILITIES, encode(self))


def required_capabilities(extensions: Extensions) -> RequiredCapabilities | None:
    """What a group's extensions ask of its members; raises ``DecodeError``."""
    data = find_extension(extensions, ExtensionType.REQUIRED_CAPABILITIES)
    return None if data is None else decode(RequiredCapabilities, data)


@dataclass(frozen=True, slots=True)
class ExternalSender:
    """Someone outside the group who may propose changes. Source: RFC 9420 §12.1.8.1"""

    signature_key: bytes
    credential: Credential

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.opaque(self.signature_key)
        self.credential.write(w)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.opaque(), read_credential(r))


def external_senders_extension(senders: tuple[ExternalSender, ...]) -> Extension:
    """The GroupContext extension that lets ``senders`` propose changes."""
    w = Writer()
    w.vector(senders, Writer.struct)
    return Extension(ExtensionType.EXTERNAL_SENDERS, w.finish())


def external_senders(extensions: Extensions) -> tuple[ExternalSender, ...]:
    """Who outside the group may propose changes; raises ``DecodeError``."""
    data = find_extension(extensions, ExtensionType.EXTERNAL_SENDERS)
    if data is None:
        return ()
    r = Reader(data)
    senders = r.vector(ExternalSender.read)
    r.finish()
    return senders


@dataclass(frozen=True, slots=True)
class ComponentData:
    """One entry of an app_data_dictionary."""

    component_id: int
    data: bytes

    def write(self, w: Writer) -> None:
        """Append the encoding."""
        w.u16(self.component_id)
        w.opaque(self.data)

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Take one off ``r``."""
        return cls(r.u16(), r.opaque())


def app_data_dictionary(components: tuple[ComponentData, ...]) -> Extension:
    """The extension that holds ``components``, which are in the order of their IDs."""
    w = Writer()
    w.vector(components, Writer.struct)
    return Extension(ExtensionType.APP_DATA_DICTIONARY, w.finish())


def read_app_data_dictionary(data: bytes) -> dict[int, bytes]:
    """The components of an app_data_dictionary; raises ``DecodeError``, also for IDs out of order or given twice."""
    r = Reader(data)
    components = r.vector(ComponentData.read)
    r.finish()
    ids = [component.component_id for component in components]
    if any(a >= b for a, b in pairwise(ids)):
        raise DecodeError("component IDs out of order")
    return {component.component_id: component.data for component in components}


LAST_RESORT = app_data_dictionary((ComponentData(ComponentID.LAST_RESORT_KEY_PACKAGE, b""),))
"""Marks a KeyPackage as the one to give out when no other is left."""
