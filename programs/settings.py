"""Where things are, as one frozen object; `configuration` reads it from `signals.toml` and the environment.

The playbook says what things mean; the settings say where things are. Without any file they describe one Salesforce
source, one source of CloudEvents beside it, and the broker that `signals up` starts by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Secret, StringConstraints

from alerts.outputs.target import Form
from programs.addresses import checked_api_url, checked_http_url, checked_public_url, checked_servers
from topics.catalog import RAW_DAYS, REJECTED_DAYS
from topics.signals import Kind
from topics.sources.source import Provides, SourceKind

#: The programs of one installation; what learns from the others comes last.
BASELINES = "baselines"
PROGRAMS = ("ingest", "join", "detect", "route", "notify", "send", BASELINES)
#: Runs only where a source is fed over HTTP or Slack's buttons come in; its port follows the others'.
INTAKE = "intake"
#: Runs once for each target that is told over HTTP; the first has this port, the others those that follow.
FORWARD = "forward"
#: The ports follow each other in this order.
PORTED = (*PROGRAMS[:-1], INTAKE, BASELINES, FORWARD)


def _checked_program(name: str) -> str:
    if name not in PORTED:
        message = f"no program is called {name!r}"
        raise ValueError(message)
    return name


SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
Tenant = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
ProgramName = Annotated[str, AfterValidator(_checked_program)]
Seconds = Annotated[float, Field(ge=0, le=30 * 24 * 3600)]
Port = Annotated[int, Field(ge=0, le=65535)]

#: A raw topic takes records of 16 MB; what stands around a body in a record batch needs far less than the rest.
MAX_BODY_BYTES = 15 * 1024 * 1024


class Hidden(Secret[str]):
    """A secret: `get_secret_value()` to use it, `***` wherever it is printed."""

    def _display(self) -> str:
        return "***"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class BrokerSettings(_Part):
    """The Kafka-protocol broker and how to speak to it. No `bootstrap`: `signals up` starts the embedded one."""

    bootstrap: Annotated[str, AfterValidator(checked_servers)] | None = None
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    user: str | None = None
    password: Hidden | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class TopicSettings(_Part):
    """How topics are created. Four partitions suit one machine; a large team takes more before its first day."""

    partitions: int = Field(default=4, ge=1, le=1000)
    replication: int = Field(default=1, ge=1, le=9)
    raw_days: int = Field(default=RAW_DAYS, ge=1, le=3650, description="how long input is kept as it was sent")
    rejected_days: int = Field(default=REJECTED_DAYS, ge=1, le=3650, description="the same for what was rejected")


class MoneySettings(_Part):
    """`rates`: what one unit of a currency is worth in the base currency."""

    base_currency: Currency = "USD"
    rates: dict[Currency, Annotated[float, Field(gt=0)]] = {}


class ClockSettings(_Part):
    """Law 2. `wall`: now, less the grace; `data`: the time that the records carry (simulator, replay)."""

    mode: Literal["wall", "data"] = "wall"
    grace_seconds: Seconds = Field(default=120.0, description="how late a source may be, where it does not say itself")
    interval_seconds: float = Field(default=1.0, gt=0, le=60)


class SlackSettings(_Part):
    """Without a token the messages are drawn in the terminal. `api_url` is Slack's own unless something stands in.

    What people press comes in by `intake`: over HTTP, signed with `signing_secret`, or over a connection that we open
    with `app_token` (Socket Mode), where there is no public address.
    """

    token: Hidden | None = None
    signing_secret: Hidden | None = None
    app_token: Hidden | None = None
    api_url: Annotated[str, AfterValidator(checked_api_url)] = "https://slack.com/api/"


class WebSettings(_Part):
    """Where each program answers /metrics, /healthz and /readyz. `base_port` 0: a free port for each."""

    host: str = Field(default="127.0.0.1", min_length=1)
    base_port: Annotated[int, Field(ge=0, le=65536 - len(PORTED))] = 9101
    ports: dict[ProgramName, Port] = {}

    def port(self, program: str) -> int:
        """The port of a program; 0 asks the system for a free one."""
        offset = PORTED.index(program) if self.base_port else 0
        return self.ports.get(program, self.base_port + offset)


class IntakeSettings(_Part):
    """Where CRMs reach `intake`. `public_url`: the address that they call, as they know it; it ends before the path."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 9180
    public_url: Annotated[str, AfterValidator(checked_public_url)] | None = None
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024, le=MAX_BODY_BYTES)


class WebhookSettings(_Part):
    """How `intake` knows who sends a source's webhooks. `secret`: HubSpot's client secret, Pipedrive's password."""

    secret: Hidden | None = None
    secret_file: Path | None = Field(default=None, description="a file that holds the secret, in place of it")
    user: str = Field(default="", description="for Pipedrive's basic authentication")
    signatures: frozenset[Literal["v1", "v2", "v3"]] = Field(default=frozenset({"v3"}), min_length=1)
    insecure: bool = Field(default=False, description="take what anybody sends")


class SourceSettings(_Part):
    """One source. What is None here comes from the mapping file, or from what such a source usually is."""

    name: SourceName
    kind: SourceKind
    tenant: Tenant | None = None
    mapping: Path | None = Field(default=None, description="the mapping file, for tables")
    provides: frozenset[Provides] | None = None
    fields: dict[str, str] = Field(default={}, description="the source's name of a field: ours")
    schemas: dict[str, tuple[str, ...]] = Field(default={}, description="entity: its fields in order, for bitmaps")
    grace_seconds: Seconds | None = None
    own_client: str = Field(default="", description="the client name of our own write-backs")
    deal_source: str | None = Field(default=None, description="<source>/<tenant> whose deals it speaks of")
    webhook: WebhookSettings | None = Field(default=None, description="it is fed by `signals intake`")


class TargetSettings(_Part):
    """Another system that `forward` tells of signals over HTTP.

    `secret`: what a webhook is signed with; the bearer token of one in Alertmanager's form.
    """

    name: SourceName
    form: Form
    url: Annotated[str, AfterValidator(checked_http_url)]
    secret: Hidden | None = None
    secret_file: Path | None = Field(default=None, description="a file that holds the secret, in place of it")
    kinds: frozenset[Kind] = Field(default=frozenset(), description="of these kinds; none: of all")
    insecure: bool = Field(default=False, description="unsigned, or in the clear over a network")


#: What a machine without a settings file reads: the CRM, and what its buyers do on the web site.
DEFAULT_SOURCES = (
    SourceSettings(name="salesforce", kind=SourceKind.SALESFORCE, tenant="default"),
    SourceSettings(name="web", kind=SourceKind.CLOUDEVENTS, tenant="default", deal_source="salesforce/default"),
)


class Settings(_Part):
    """Everything that an installation sets."""

    playbook: Path | None = Field(default=None, description="none: the playbook that ships with the product")
    data_dir: Path = Path("data")
    store: Literal["memory", "rocksdb"] = Field(
        default="memory",
        description="where programs hold their state, which stands on Kafka in any case. rocksdb: in data_dir, for "
        "more deals than memory holds and a start that reads only what is new; a data_dir for each worker",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: BrokerSettings = BrokerSettings()
    topics: TopicSettings = TopicSettings()
    money: MoneySettings = MoneySettings()
    clock: ClockSettings = ClockSettings()
    slack: SlackSettings = SlackSettings()
    web: WebSettings = WebSettings()
    intake: IntakeSettings = IntakeSettings()
    sources: tuple[SourceSettings, ...] = Field(default=DEFAULT_SOURCES, min_length=1)
    targets: tuple[TargetSettings, ...] = ()

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be seen, for the logs to look out for."""
        return tuple(_secrets(self))


def _secrets(part: BaseModel) -> Iterator[str]:
    for _, value in part:
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Hidden):
                yield each.get_secret_value()
            elif isinstance(each, BaseModel):
                yield from _secrets(each)
