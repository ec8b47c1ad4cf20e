"""The generated modules, the table of operations and the schema say the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tacit.wire import relay_pb2 as pb
from tacit.wire.errors import REFUSALS
from tacit.wire.operations import PUSHES, REQUESTS, RESPONSES

ROOT = Path(__file__).parents[2]


def load_script():
    spec = importlib.util.spec_from_file_location("proto_script", ROOT / "scripts" / "proto.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def codes(message, oneof):
    return {field.name: field.number for field in message.DESCRIPTOR.oneofs_by_name[oneof].fields}


def test_the_generated_modules_are_those_of_the_schemas(tmp_path):
    script = load_script()
    generated = script.generate(tmp_path)
    assert [path.name for path in generated[:2]] == ["relay_pb2.py", "relay_pb2.pyi"]
    for path in generated:
        checked_in = ROOT / "src" / path.relative_to(tmp_path)
        assert checked_in.read_bytes() == path.read_bytes(), f"run scripts/proto.py: {checked_in} is stale"


def test_a_broken_schema_is_reported(tmp_path):
    script = load_script()
    (tmp_path / "broken.proto").write_text('syntax = "proto3"; message {')
    script.SOURCE = tmp_path
    with pytest.raises(script.GenerationFailed, match=r"broken\.proto"):
        script.generate(tmp_path, ("broken.proto",))


def test_requests_have_the_codes_of_the_schema():
    assert {name: request.code for name, request in REQUESTS.items()} == codes(pb.ClientFrame, "request")


def test_responses_have_the_codes_of_the_schema():
    assert codes(pb.ServerFrame, "response") == RESPONSES


def test_every_response_is_a_push_or_answers_something():
    answers = {name for request in REQUESTS.values() for name in (request.answer, request.refusal)}
    assert answers | PUSHES == RESPONSES.keys()


def test_every_refusal_has_a_sentence_and_a_code_in_kebab_case():
    for code, refusal in REFUSALS.items():
        assert code == refusal.code
        assert code == code.lower().replace("_", "-")
        assert refusal().sentence.endswith("."), refusal
