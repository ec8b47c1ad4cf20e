"""docs/protocol.md says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tacit.wire import errors, signing
from tacit.wire.operations import REQUESTS, RESPONSES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("protocol_tables", ROOT / "scripts" / "protocol_tables.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_code(script):
    page = script.PAGE.read_text("utf-8")
    assert script.filled(page) == page, "run ./dev proto"


def test_a_stale_table_is_noticed_and_a_missing_one_too(script):
    page = script.PAGE.read_text("utf-8")
    stale = page.replace("| 829 | `append` |", "| 828 | `append` |")
    assert stale != page
    assert script.filled(stale) == page
    with pytest.raises(ValueError, match="errors has 0 places"):
        script.filled(page.replace("<!-- begin errors -->", ""))


def test_every_operation_and_every_code_stands_in_the_page(script):
    page = script.PAGE.read_text("utf-8")
    for code, name in [(row.code, row.name) for row in REQUESTS.values()] + [
        (n, name) for name, n in RESPONSES.items()
    ]:
        assert f"| {code} | `{name}` |" in page
    for code in errors.REFUSALS:
        assert f"| `{code}` |" in page


def test_the_page_says_of_every_refusal_what_to_do(script):
    advice = (
        script.PAGE.read_text("utf-8").partition("What a client does about them:")[2].partition("After every lost")[0]
    )
    told = re.findall(
        r"`([a-z-]+)`", "".join(line.split("|")[1] for line in advice.splitlines() if line.startswith("| `"))
    )
    assert sorted(told) == sorted(errors.REFUSALS)


def test_the_labels_in_the_page_are_those_that_are_signed(script):
    labels = {value for name, value in vars(signing).items() if name.endswith("_LABEL")}
    assert labels <= set(re.findall(r'`<"([^"]+)">`', script.PAGE.read_text("utf-8")))
