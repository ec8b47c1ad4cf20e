"""Events carry a name and allow-listed fields, and nothing else."""

from __future__ import annotations

import logging

import pytest

from tacit.log import EventLog, LogEvent


def test_an_event_is_its_name_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tacit"):
        EventLog("relay").info("started", port=8765, transport="ws")
    (record,) = caplog.records
    assert record.name == "tacit.relay"
    assert record.getMessage() == "started port=8765 transport='ws'"
    assert isinstance(record.msg, LogEvent)
    assert record.msg.fields == {"port": 8765, "transport": "ws"}


@pytest.mark.parametrize("field", ["text", "account", "handle", "address", "key"])
def test_a_field_that_is_not_on_the_list_is_refused_at_any_level(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        EventLog("relay").debug("said", **{field: "something"})
