"""docker-compose.yml, the Dockerfile and deploy/ against the program: every command, port, file and variable."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from boards.generate import BOARDS, FOLDER
from boards.rules import JOB
from engine.embedded import EmbeddedBroker
from programs.cli import COMMANDS, load
from programs.configuration import (
    FILE_VARIABLE,
    VARIABLES,
    WEBHOOK_KINDS,
    secret_variable,
    target_secret_variable,
)
from programs.forward import chosen
from programs.intake.doors import doors
from programs.settings import FORWARD, INTAKE, PORTED, PROGRAMS
from programs.startup import Ready, prepare

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("topics", *PORTED)
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

#: The services that run only where a profile asks for them, with the secrets that only they are told.
SECRETS = {
    INTAKE: {secret_variable(kind) for kind in WEBHOOK_KINDS} | {"SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN"},
    FORWARD: {target_secret_variable("hook")},
}

#: `${NAME:-default}` and `${NAME:?why}` in a value.
INTERPOLATED = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def environment(service: str) -> dict[str, str]:
    """What a service is told, with the defaults of what its user does not set."""
    told = SERVICES[service]["environment"]
    return {name: INTERPOLATED.sub(lambda found: found[3] or "", str(value)) for name, value in told.items()}


def mounts(service: str) -> Iterator[tuple[str, str]]:
    """What of this repository a service sees, and where."""
    for volume in SERVICES[service].get("volumes", ()):
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            yield source, target


def as_inside(service: str, folder: Path) -> Ready:
    """What the program of a service makes of its environment, with the mounted files where they are here."""
    told = environment(service)
    for source, target in mounts(service):
        told = {name: value.replace(target, str(ROOT / source)) for name, value in told.items()}
    return prepare(told, folder)


def composed(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """`docker-compose config`, Debian's or Docker's own, without the developer's `.env` and variables."""
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    if shutil.which(command[0]) is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    ours = ("GRAFANA_", "SIGNALS_", "SLACK_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    (folder / "empty.env").touch()
    words = [
        "--file",
        str(ROOT / "docker-compose.yml"),
        "--env-file",
        str(folder / "empty.env"),
        "--profile",
        "webhooks",
        "--profile",
        "targets",
    ]
    return subprocess.run(
        [*command, *words, "config"], env=kept | environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    done = composed(tmp_path, GRAFANA_PASSWORD="of this test")  # noqa: S106 - no password of anything
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert resolved.keys() == SERVICES.keys()
    assert resolved["send"]["environment"]["SLACK_BOT_TOKEN"] == ""
    assert resolved["detect"]["environment"]["SIGNALS_CLOCK_GRACE"] == "120"


def test_without_a_grafana_password_nothing_starts(tmp_path: Path) -> None:
    done = composed(tmp_path)
    assert done.returncode != 0
    assert "GRAFANA_PASSWORD" in done.stderr


def test_every_program_is_a_service_and_the_topics_come_first() -> None:
    assert set(SERVICES) == {*OURS, "kafka", "prometheus", "grafana"}
    for name in PORTED:
        assert SERVICES[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert SERVICES["topics"]["restart"] == "no"
    assert set(SERVICES["prometheus"]["depends_on"]) == set(PROGRAMS)
    assert set(SERVICES["grafana"]["depends_on"]) == {"prometheus"}


@pytest.mark.parametrize("service", OURS)
def test_the_command_of_a_service_is_one_of_the_program(service: str) -> None:
    first, *rest = SERVICES[service]["command"]
    entry = next(entry for entry in COMMANDS if entry.name == first)
    command = load(entry)
    assert rest == [] or rest[0] in command.commands
    assert first == service
    assert SERVICES[service]["image"] == f"deal-signals:{_project()['version']}"


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_one_that_is_read(service: str) -> None:
    known = {variable.name for variable in VARIABLES} | {FILE_VARIABLE}
    known |= SECRETS.get(service, set())
    assert environment(service).keys() <= known


@pytest.mark.parametrize("service", PORTED)
def test_a_program_can_use_its_settings_and_answers_where_it_is_asked(service: str, tmp_path: Path) -> None:
    settings = as_inside(service, tmp_path).settings
    port = settings.web.port(service)
    assert settings.web.host == "0.0.0.0"  # noqa: S104 - of its own container
    inlet = settings.intake.port
    ports = [port, inlet] if service == INTAKE else [port]
    assert SERVICES[service]["ports"] == [f"127.0.0.1:{each}:{each}" for each in ports]
    ask = SERVICES[service]["healthcheck"]["test"]
    assert ask[:3] == ["CMD", "python", "-c"]
    assert f"'http://127.0.0.1:{port}/healthz'" in ask[3]
    compile(ask[3], "healthcheck", "exec")
    scraped = PROMETHEUS["scrape_configs"][0]
    if service in SECRETS:  # it may not run, or several times: found by its name
        assert {"names": [service], "type": "A", "port": port} in scraped["dns_sd_configs"]
        assert service in [each["replacement"] for each in scraped["relabel_configs"]]
    else:
        assert {"targets": [f"{service}:{port}"], "labels": {"program": service}} in scraped["static_configs"]
    assert str(settings.broker.bootstrap) in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_only_the_programs_that_speak_to_slack_have_its_token() -> None:
    assert [name for name in SERVICES if "SLACK_BOT_TOKEN" in SERVICES[name].get("environment", {})] == ["send", INTAKE]


def test_http_runs_only_where_it_is_asked_for_and_only_there_are_its_secrets() -> None:
    assert {name for name, said in SERVICES.items() if "profiles" in said} == SECRETS.keys()
    for whose, secrets in SECRETS.items():
        for name, said in SERVICES.items():
            assert (secrets & said.get("environment", {}).keys()) == (secrets if name == whose else set())


def test_the_target_that_is_shown_can_be_told(tmp_path: Path) -> None:
    settings = uncommented(tmp_path, environment(FORWARD) | {target_secret_variable("hook"): "s"}).settings
    assert chosen(settings, None).name == "hook"


def test_the_source_of_webhooks_that_is_shown_can_be_used(tmp_path: Path) -> None:
    told = environment(INTAKE) | {"SIGNALS_INTAKE_PUBLIC_URL": "https://x.example", secret_variable("hubspot"): "s"}
    assert list(doors(uncommented(tmp_path, told))) == ["/hubspot/hubspot"]


def uncommented(folder: Path, told: dict[str, str]) -> Ready:
    """The settings that compose mounts, with what they only show."""
    text = (ROOT / "deploy" / "settings" / "signals.toml").read_text(encoding="utf-8")
    (folder / "signals.toml").write_text(re.sub(r"(?m)^# (?=\[\[|\w+ = (?!\"playbook))", "", text))
    return prepare({**told, FILE_VARIABLE: "signals.toml"}, folder)


def test_every_mounted_file_is_there_and_read_only() -> None:
    seen = 0
    for service, said in SERVICES.items():
        for volume in said.get("volumes", ()):
            if volume.startswith("."):
                assert volume.endswith(":ro"), (service, volume)
        for source, _ in mounts(service):
            assert (ROOT / source).exists(), source
            seen += 1
    assert seen > len(OURS)
    named = {volume.split(":")[0] for said in SERVICES.values() for volume in said.get("volumes", ())}
    assert COMPOSE["volumes"].keys() == {name for name in named if not name.startswith(".")}


def test_ports_are_open_to_this_machine_alone_and_each_once() -> None:
    ports = [port for said in SERVICES.values() for port in said.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_images_are_pinned_and_nothing_runs_as_root_or_writes_where_it_need_not() -> None:
    for said in SERVICES.values():
        tag = said["image"].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), said["image"]
        assert said["security_opt"] == ["no-new-privileges:true"]
    for service in OURS:
        assert SERVICES[service]["read_only"] is True
        assert SERVICES[service]["cap_drop"] == ["ALL"]
        assert environment(service)["SIGNALS_DATA_DIR"].startswith("/tmp/")  # noqa: S108 - the container's tmpfs
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001"


def test_no_password_stands_in_the_file() -> None:
    assert SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_PASSWORD:?")
    secret = [name for name in environment("send") if "TOKEN" in name or "PASSWORD" in name]
    assert all(environment("send")[name] == "" for name in secret)


def test_every_variable_of_the_user_stands_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = {name for name, _, _ in INTERPOLATED.findall(text)}
    shown = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == shown


def test_prometheus_reads_the_mounted_rules_under_the_job_that_the_alerts_name() -> None:
    targets = {target for _, target in mounts("prometheus")}
    assert set(PROMETHEUS["rule_files"]) <= targets
    config = next(word.split("=")[1] for word in SERVICES["prometheus"]["command"] if word.startswith("--config.file"))
    assert config in targets
    (scrape,) = PROMETHEUS["scrape_configs"]
    assert f'job="{scrape["job_name"]}"' == JOB
    assert scrape["honor_labels"] is True
    assert len(scrape["static_configs"]) == len(PROGRAMS)


def test_grafana_finds_the_boards_and_the_data_source() -> None:
    inside = {target: ROOT / source for source, target in mounts("grafana")}
    provisioning = {name: path for name, path in inside.items() if name.startswith("/etc/grafana/provisioning/")}
    sources = _only_yaml(provisioning["/etc/grafana/provisioning/datasources"])["datasources"]
    assert [source["url"] for source in sources] == ["http://prometheus:9090"]
    assert [source["jsonData"]["timeInterval"] for source in sources] == [PROMETHEUS["global"]["scrape_interval"]]
    (provider,) = _only_yaml(provisioning["/etc/grafana/provisioning/dashboards"])["providers"]
    assert inside[provider["options"]["path"]] == FOLDER
    uids = {json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["uid"] for name in BOARDS}
    assert uids == {board.uid for board in BOARDS.values()}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / Path(home).name).is_file()
    assert str(Path(home).parent) == provider["options"]["path"]


def test_kafka_listens_where_it_says_that_it_is_and_stores_on_its_volume() -> None:
    told = SERVICES["kafka"]["environment"]
    listeners = dict(each.split("://") for each in told["KAFKA_LISTENERS"].split(","))
    advertised = dict(each.split("://") for each in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(each.split(":") for each in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert listeners.keys() == protocols.keys() == advertised.keys() | {told["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    for name, address in advertised.items():
        assert address.rpartition(":")[2] == listeners[name].rpartition(":")[2]
    host = advertised["HOST"].rpartition(":")[2]
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{host}:{host}"]
    volume = next(iter(SERVICES["kafka"]["volumes"]))
    assert told["KAFKA_LOG_DIRS"] == volume.split(":")[1]
    assert advertised["INSIDE"] in SERVICES["kafka"]["healthcheck"]["test"]


@pytest.mark.broker
def test_the_topics_service_does_its_work_once_and_again(tmp_path: Path) -> None:
    """The command as it stands in the file, against a broker."""
    told = environment("topics")
    for source, target in mounts("topics"):
        told = {name: value.replace(target, str(ROOT / source)) for name, value in told.items()}
    with EmbeddedBroker(tmp_path / "broker") as broker:
        told |= {"SIGNALS_BROKER": broker.servers, "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "programs", *SERVICES["topics"]["command"]]
        for expected in ("done: deal.events: created with 4 partitions", "nothing to do"):
            done = subprocess.run(
                command, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            assert expected in done.stdout


def test_the_image_has_every_package_of_the_distribution_and_what_it_is_built_from() -> None:
    lines = [line for line in DOCKERFILE.splitlines() if line.startswith("COPY ") and "--from" not in line]
    copied = [shlex.split(line)[1:-1] for line in lines]
    sources = [source for words in copied for source in words]
    for source in sources:
        assert (ROOT / source).exists(), source
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {source.rstrip("/") for source in sources if source.endswith("/")} == set(packages["packages"])
    assert {_project()["readme"], "pyproject.toml", "requirements.lock"} <= set(sources)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {source.rstrip("/") for source in sources}


def test_the_image_installs_what_the_lock_pins_by_hash() -> None:
    assert "--require-hashes --no-deps" in DOCKERFILE
    assert "HEALTHCHECK NONE" in DOCKERFILE
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert installs
    assert all("--no-index" in line for line in installs), "only what was held against its hash"
    version = re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE)
    assert version == ["3.11", "3.11"]


def _only_yaml(folder: Path) -> Any:  # noqa: ANN401 - YAML
    (file,) = folder.glob("*.yaml")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _project() -> Any:  # noqa: ANN401 - TOML
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
