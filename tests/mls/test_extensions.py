from __future__ import annotations

import pytest

from tacit.codec import Writer, decode, encode
from tacit.errors import DecodeError
from tacit.mls import BasicCredential, Extension, RequiredCapabilities, find_extension
from tacit.mls.extensions import (
    LAST_RESORT,
    ComponentData,
    ExternalSender,
    app_data_dictionary,
    external_senders,
    read_app_data_dictionary,
    required_capabilities,
)
from tacit.mls.registry import GREASE_VALUES, ComponentID, ExtensionType


def test_required_capabilities_survive_the_wire() -> None:
    required = RequiredCapabilities((7, 8), (9,), (1, 2))
    assert required_capabilities((required.as_extension(),)) == required
    assert required_capabilities(()) is None


def test_external_senders_survive_the_wire() -> None:
    senders = (ExternalSender(b"key", BasicCredential(b"robot")), ExternalSender(b"other", BasicCredential(b"")))
    w = Writer()
    w.vector(senders, Writer.struct)
    extension = Extension(ExtensionType.EXTERNAL_SENDERS, w.finish())
    assert external_senders((extension,)) == senders
    assert external_senders(()) == ()


def test_a_dictionary_names_each_component_once_and_in_order() -> None:
    one, other = ComponentData(4, b""), ComponentData(5, b"data")
    assert read_app_data_dictionary(app_data_dictionary((one, other)).extension_data) == {4: b"", 5: b"data"}
    for wrong in ((other, one), (one, one)):
        with pytest.raises(DecodeError):
            read_app_data_dictionary(app_data_dictionary(wrong).extension_data)


def test_the_last_resort_is_a_component_without_data() -> None:
    """draft-ietf-mls-extensions: extension 0x0006, component 0x0004."""
    assert encode(LAST_RESORT).hex() == "0006" + "04" + "03" + "0004" + "00"
    assert read_app_data_dictionary(LAST_RESORT.extension_data) == {ComponentID.LAST_RESORT_KEY_PACKAGE: b""}
    assert decode(Extension, encode(LAST_RESORT)) == LAST_RESORT


def test_an_extension_is_found_by_its_type() -> None:
    extensions = (Extension(1, b"one"), Extension(2, b"two"))
    assert find_extension(extensions, 2) == b"two"
    assert find_extension(extensions, 3) is None


def test_grease_values_are_those_of_the_registries() -> None:
    assert [f"{value:04x}" for value in GREASE_VALUES] == [f"{n:x}a{n:x}a" for n in range(15)]
