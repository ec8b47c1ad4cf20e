"""The dashboard and the alerts: what they read is what a relay tells, and the manual says what to do."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tacit.cli.relay_settings import relay_config
from tacit.cli.settings import ServeSettings, Settings
from tacit.relay.config import BadRelayConfig, RelayConfig
from tests.ops.needed import OPS, ROOT, needed
from tests.ops.promql import metrics
from tests.ports import free_port
from tests.processes.disks import SmallDisk
from tests.processes.programs import Relay
from tests.relay.peers import running

DASHBOARD = json.loads((OPS / "grafana" / "tacit.json").read_text("utf-8"))
ALERTS = (OPS / "prometheus" / "alerts.yml").read_text("utf-8")
MANUAL = (ROOT / "docs" / "operations.md").read_text("utf-8")

PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
NAMES, EXPRESSIONS = (re.findall(rf"^ +(?:- )?{key}: (.*)$", ALERTS, re.MULTILINE) for key in ("alert", "expr"))
RULES = dict(zip(NAMES, EXPRESSIONS, strict=True))
PROMETHEUS_OWN = {"up"}


@pytest.fixture
async def told(tmp_path: Path) -> set[str]:
    """The names of everything that a relay tells."""
    async with (
        running(tmp_path, metrics_port=0, host="127.0.0.1", port=0) as world,
        aiohttp.request("GET", f"http://127.0.0.1:{world.relay.metrics_port}/metrics") as answer,
    ):
        text = await answer.text()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up == 0", {"up"}),
        ('sum by (code) (rate(a_total{code="b"}[5m])) > 0', {"a_total"}),
        ("a / on (instance) group_left (version) b offset 5m", {"a", "b"}),
        ("histogram_quantile(0.99, sum by (le) (rate(a_bucket[$__rate_interval])))", {"a_bucket"}),
        ("a:b > 3 * 86400 and predict_linear(c[6h], 1e3) < 0", {"a:b", "c"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert metrics(expression) == names


@pytest.mark.parametrize("broken", ["rate(a[5m]", 'a{b="c"', "a[5m", 'a{b="c}'])
def test_a_broken_expression_is_noticed(broken: str) -> None:
    with pytest.raises(ValueError, match=re.escape(broken)):
        metrics(broken)


async def test_every_panel_reads_what_a_relay_tells(told: set[str]) -> None:
    assert len(PANELS) >= 15
    for panel in PANELS:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert metrics(target["expr"]) <= told, panel["title"]
    for annotation in DASHBOARD["annotations"]["list"]:
        assert metrics(annotation["expr"]) <= told


async def test_every_figure_is_on_the_dashboard(told: set[str]) -> None:
    shown = set().union(*(metrics(target["expr"]) for panel in PANELS for target in panel["targets"]))
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told}
    assert bare - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} == {"tacit_stopping"}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """It names no data source and no machine, and its panels do not overlap."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps(DASHBOARD["panels"]))
    assert set(sources) == {"${datasource}"}
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "instance"}
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        columns, rows = (range(place[at], place[at] + place[size]) for at, size in ("xw", "yh"))
        cells = {(x, y) for x in columns for y in rows}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


async def test_every_alert_reads_what_a_relay_tells(told: set[str]) -> None:
    assert len(RULES) >= 10
    for name, expression in RULES.items():
        assert metrics(expression) <= told | PROMETHEUS_OWN, name


def test_every_alert_is_whole_and_explained() -> None:
    """A rule that pages somebody at night comes with what to do."""
    parts = re.split(r"^      - alert: ", ALERTS, flags=re.MULTILINE)[1:]
    assert len(parts) == len(RULES)
    for part in parts:
        name = part.partition("\n")[0]
        assert re.search(r"^        labels: \{severity: (page|ticket)\}$", part, re.MULTILINE), name
        assert re.search(r'^        annotations: \{summary: "[^"]+\."\}$', part, re.MULTILINE), name
    assert re.findall(r"^\| `(Tacit\w+)` \|", MANUAL, re.MULTILINE) == list(RULES)


@pytest.mark.processes
async def test_a_relay_whose_disk_is_full_is_not_ready_until_there_is_room_again(tmp_path: Path) -> None:
    """A real process on a real disk, with nobody there whose messages would notice."""
    folder, port = tmp_path / "relay", free_port()
    env = {"TACIT_SERVE_METRICS_PORT": str(port)}
    with SmallDisk(folder, size_kib=24_000) as disk, Relay(folder, prefix=disk.prefix, env=env):
        assert await readyz(port) == (200, [])
        disk.fill()
        assert await readyz(port) == (503, ["storage-full"])
        disk.make_room()
        assert await readyz(port) == (200, [])


@pytest.mark.processes
async def test_a_relay_that_may_open_no_more_files_is_still_asked_how_it_is(tmp_path: Path) -> None:
    """Strangers hold all the connections that there can be, on both ports."""
    port = free_port()
    with Relay(tmp_path / "relay", env={"TACIT_SERVE_METRICS_PORT": str(port)}) as relay, ExitStack() as strangers:
        process = psutil.Process(relay.running.pid)
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 40, hard))
        for pressed in (relay.port, port):
            for _ in range(100):
                strangers.enter_context(socket.create_connection(("127.0.0.1", pressed)))
            assert await readyz(port) == (200, [])
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/metrics") as answer:
            told = re.findall(r"^tacit_(?:max_)?open_files (\S+)$", await answer.text(), re.MULTILINE)
        assert len(told) == 2


async def readyz(port: int) -> tuple[int, list[str]]:
    async with aiohttp.request("GET", f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, (await answer.json())["reasons"]


def test_a_relay_listens_for_monitoring_only_where_it_is_told() -> None:
    def config(**serve: Any) -> RelayConfig:
        return relay_config(Settings(data_dir="/nowhere", serve=ServeSettings(public_host="localhost", **serve)))

    assert config().metrics_port is None
    assert (config(metrics_port=8766).metrics_port, config(metrics_port=8766).metrics_host) == (8766, "127.0.0.1")
    assert config(metrics_port=8766, metrics_host="10.0.0.1").metrics_host == "10.0.0.1"
    with pytest.raises(BadRelayConfig, match="metrics_port is the port for clients"):
        config(port=8766, metrics_port=8766)


def promtool(*arguments: str | Path) -> None:
    """Prometheus's own check of what it would read."""
    found = needed("promtool", "Debian's prometheus")
    ran = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    promtool("check", "config", OPS / "prometheus" / "prometheus.yml")


def test_every_alert_goes_off_when_it_should_and_only_then(tmp_path: Path) -> None:
    """Beside a relay that is well, one for each alert, which is called like it."""
    assert ILL.keys() == RULES.keys()
    days = {"well": WELL} | {name: WELL | changed for name, changed in ILL.items()}
    series = [
        {"series": _of(series, relay), "values": values}
        for relay, day in days.items()
        for series, values in day.items()
    ]
    expected = {"well": []} | {name: [{"labels": "{}", "value": 1}] for name in RULES}
    checks = [
        {"expr": f'count(ALERTS{{alertstate="firing", instance="{relay}"}})', "eval_time": "5h", "exp_samples": samples}
        for relay, samples in expected.items()
    ]
    checks += [
        {**check, "expr": check["expr"].replace("{", f'{{alertname="{relay}", ')}
        for relay, check in zip(expected, checks, strict=True)
        if relay != "well"
    ]
    rules = [str(OPS / "prometheus" / "alerts.yml")]
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]
    file = tmp_path / "tests.json"  # which is YAML, too
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", file)


def _of(series: str, relay: str) -> str:
    """A series of one relay."""
    name, _, labels = series.rstrip("}").partition("{")
    return f'{name}{{instance="{relay}"{", " * bool(labels)}{labels}}}'


WELL = {
    'up{job="tacit"}': "1x300",
    "tacit_ready": "1x300",
    "tacit_failed_transactions_total": "3x300",
    "tacit_damaged_total": "0x300",
    "tacit_disk_bytes": "100000x300",
    "tacit_disk_free_bytes": "80000-1x300",
    'tacit_transaction_seconds_bucket{le="0.01"}': "0+100x300",
    'tacit_transaction_seconds_bucket{le="0.5"}': "0+100x300",
    'tacit_transaction_seconds_bucket{le="+Inf"}': "0+100x300",
    'tacit_delivery_seconds_bucket{le="0.01"}': "0+100x300",
    'tacit_delivery_seconds_bucket{le="1.0"}': "0+100x300",
    'tacit_delivery_seconds_bucket{le="+Inf"}': "0+100x300",
    "tacit_write_queue_bytes": "1048576x300",
    "tacit_registrations_paused": "0x300",
    "tacit_cpu_seconds_total": "0+20x300",
    'tacit_refusals_total{code="internal"}': "0x300",
    'tacit_refusals_total{code="invite-invalid"}': "0+1x300",
    'tacit_refusals_total{code="rate-limited"}': "0+10x300",
    "tacit_open_files": "100x300",
    "tacit_max_open_files": "65536x300",
    "tacit_failed_sweeps_total": "0x300",
    "tacit_started_at_seconds": "1000x300",
}
"""Five hours of a relay that is well, a sample a minute."""

ILL = {
    "TacitDown": {'up{job="tacit"}': "1x290 0x10"},
    "TacitNotReady": {"tacit_ready": "1x290 0x10"},
    "TacitStorageFails": {"tacit_failed_transactions_total": "0x297 1x3"},
    "TacitDataDamaged": {"tacit_damaged_total": "0x297 1x3"},
    "TacitDiskFull": {"tacit_disk_free_bytes": "4900x300"},
    "TacitDiskFilling": {"tacit_disk_free_bytes": "48000-30x300"},
    "TacitSlowDisk": dict.fromkeys(
        ('tacit_transaction_seconds_bucket{le="0.01"}', 'tacit_transaction_seconds_bucket{le="0.5"}'), "0+98x300"
    )
    | {'tacit_transaction_seconds_bucket{le="1.0"}': "0+100x300"},
    "TacitSlowDelivery": dict.fromkeys(
        ('tacit_delivery_seconds_bucket{le="0.01"}', 'tacit_delivery_seconds_bucket{le="1.0"}'), "0+98x300"
    )
    | {'tacit_delivery_seconds_bucket{le="2.0"}': "0+100x300"},
    "TacitQueueGrows": {"tacit_write_queue_bytes": "1048576x290 67108864x10"},
    "TacitBusy": {"tacit_cpu_seconds_total": "0+58x300"},
    "TacitRegistrationsPaused": {"tacit_registrations_paused": "0x270 1x30"},
    "TacitCodesNotShown": {"tacit_codes_alarm": "0x290 1x10"},
    "TacitInternalErrors": {'tacit_refusals_total{code="internal"}': "0x297 1x3"},
    "TacitGuessing": {'tacit_refusals_total{code="bad-signature"}': "0+10x300"},
    "TacitRateLimited": {'tacit_refusals_total{code="rate-limited"}': "0+600x300"},
    "TacitFilesRunOut": {"tacit_open_files": "60000x300"},
    "TacitSweepFails": {"tacit_failed_sweeps_total": "0+0x200 1x50 2x50"},
    "TacitRestarts": {"tacit_started_at_seconds": "1000x280 2000x4 3000x4 4000x4 5000x4 6000x4"},
}
"""What is otherwise on the day that an alert is for."""
