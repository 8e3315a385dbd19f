"""A real Prometheus on a running `signals up`: every query of both boards and every recording rule returns data."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from boards.generate import BOARDS, FOLDER
from programs.settings import PROGRAMS
from signals.simulation.team import SELLERS
from tests.integration.prometheus_server import Prometheus, promtool, running
from tests.integration.watched_team import Team, watched

pytestmark = [pytest.mark.prometheus, pytest.mark.broker]

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0

#: What Grafana puts in place of its variables: "All" of each, and four scrapes.
GRAFANA = {"$pipeline": ".*", "$segment": ".*", "$team": ".*", "$__rate_interval": "15s"}


class Stage(NamedTuple):
    """The programs and the Prometheus that scrapes them."""

    team: Team
    prometheus: Prometheus


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("watched")
    with watched(folder) as team, running(_config(folder, team.metrics), folder) as prometheus:
        yield Stage(team, prometheus)


def _config(folder: Path, metrics: Mapping[str, str]) -> Path:
    """deploy/prometheus.yml and the generated rules, with the addresses of this run and intervals of a second."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(folder / "rules.yaml")]
    for static in config["scrape_configs"][0]["static_configs"]:
        address = metrics[static["labels"]["program"]]
        static["targets"] = [address.removeprefix("http://").removesuffix("/metrics")]
    rules = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder / "prometheus.yml"


def queries() -> dict[str, str]:
    """What to call it, and each query of the committed boards as Grafana would send it."""
    found: dict[str, str] = {}
    for name in BOARDS:
        board = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                for variable, value in GRAFANA.items():
                    expr = expr.replace(variable, value)
                found[f"{name}: {panel['title']} ({panel['id']} {target['refId']})"] = expr
    return found


#: It speaks of teams whose deals entered a stage twenty times, so it takes a larger one: `boards/rules_test.yaml`.
OF_MANY = "signals:gate_pass_ratio:spread_by_stage"


def recorded() -> dict[str, str]:
    rules = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    return {rule["record"]: rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}


def has_data(samples: list[dict[str, Any]]) -> bool:
    """Whether at least one sample is a number."""
    return any(math.isfinite(float(sample["value"][1])) for sample in samples)


def lasting(wanted: Mapping[str, str], good: Callable[[str], bool]) -> dict[str, str]:
    """Ask again and again; what is not good in the end."""
    left = dict(wanted)
    until = time.monotonic() + WITHIN_S
    while left and time.monotonic() < until:
        left = {name: expr for name, expr in left.items() if not good(expr)}
        time.sleep(0.5 if left else 0)
    return left


@pytest.mark.timeout(150)
def test_every_query_of_both_boards_returns_data(stage: Stage) -> None:
    wanted = queries()
    assert len(wanted) > len(BOARDS) * 20
    assert lasting(wanted, lambda expr: has_data(stage.prometheus.query(expr))) == {}


@pytest.mark.timeout(150)
def test_every_recording_rule_returns_data(stage: Stage) -> None:
    wanted = {name: expr for name, expr in recorded().items() if name != OF_MANY}
    assert lasting(wanted, lambda expr: has_data(stage.prometheus.query(expr))) == {}


@pytest.mark.timeout(150)
def test_every_rule_is_evaluated_without_an_error_and_a_healthy_run_raises_nothing_critical(stage: Stage) -> None:
    groups = stage.prometheus.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
    firing = stage.prometheus.query('ALERTS{alertstate="firing",severity="critical"}')
    assert [sample["metric"] for sample in firing] == []


@pytest.mark.timeout(150)
def test_every_program_is_a_target_that_is_up_and_ready(stage: Stage) -> None:
    wanted = {
        name: f'up{{program="{name}"}} == 1 and on() min(signals_engine_ready{{program="{name}"}}) == 1'
        for name in PROGRAMS
    }
    assert lasting(wanted, lambda expr: has_data(stage.prometheus.query(expr))) == {}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", PROGRAMS)
def test_promtool_takes_the_metrics_of_a_program(stage: Stage, name: str) -> None:
    promtool("check", "metrics", given=_scraped(stage.team.metrics[name], "text/plain"))


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_openmetrics_parser_takes_the_metrics_of_a_program_and_no_label_names_anyone(
    stage: Stage, name: str
) -> None:
    text = _scraped(stage.team.metrics[name], "application/openmetrics-text; version=1.0.0")
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # the library's
    values = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert "signals_engine_batches" in {family.name for family in families}
    people = {word for seller in SELLERS for word in (seller.name, seller.email, seller.id)}
    assert not people & values
    assert not [value for value in values if "@" in value or value.startswith("006")]


def _scraped(address: str, accept: str) -> str:
    with urlopen(Request(address, headers={"Accept": accept}), timeout=10) as answer:  # noqa: S310 - loopback
        assert answer.headers["Content-Type"].startswith(accept.split(";", maxsplit=1)[0])
        return str(answer.read().decode())
