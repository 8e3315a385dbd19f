"""The settings of a process: `signals.toml`, overridden by the environment, with everything that is wrong at once."""

from __future__ import annotations

import ssl
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError

from playbook.refusals import refusals
from playbook.sketch import Part, whole
from programs.addresses import in_the_clear
from programs.settings import Settings
from topics.sources.declared_fields import misdeclared
from topics.sources.source import MAPPED_KINDS, SourceKind

Key: TypeAlias = tuple[str | int, ...]
Finding: TypeAlias = tuple[Key, str]


class Variable(NamedTuple):
    """An environment variable: its name, the setting it overrides, what it is for."""

    name: str
    key: Key
    what: str


#: Every variable that is read. An empty one counts as not set, because compose files pass those on.
VARIABLES = (
    Variable("SIGNALS_BROKER", ("broker", "bootstrap"), "host:port[,host:port]"),
    Variable("SIGNALS_BROKER_PROTOCOL", ("broker", "protocol"), "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
    Variable("SIGNALS_BROKER_MECHANISM", ("broker", "mechanism"), "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    Variable("SIGNALS_BROKER_USER", ("broker", "user"), "for SASL"),
    Variable("SIGNALS_BROKER_PASSWORD", ("broker", "password"), "for SASL; a secret"),
    Variable("SIGNALS_BROKER_CA_FILE", ("broker", "ca_file"), "the authority that signed the broker's certificate"),
    Variable("SIGNALS_BROKER_CERT_FILE", ("broker", "cert_file"), "our own certificate"),
    Variable("SIGNALS_BROKER_KEY_FILE", ("broker", "key_file"), "the key of our own certificate"),
    Variable("SIGNALS_PLAYBOOK", ("playbook",), "the playbook's file"),
    Variable("SIGNALS_DATA_DIR", ("data_dir",), "the folder for state and the embedded broker"),
    Variable("SIGNALS_STORE", ("store",), "memory or rocksdb: where state is held beside Kafka"),
    Variable("SIGNALS_LOG_LEVEL", ("log_level",), "debug, info, warning or error"),
    Variable("SIGNALS_PARTITIONS", ("topics", "partitions"), "partitions of a topic that is created"),
    Variable("SIGNALS_REPLICATION", ("topics", "replication"), "copies of a topic that is created"),
    Variable("SIGNALS_RAW_DAYS", ("topics", "raw_days"), "days for which input is kept as it was sent"),
    Variable("SIGNALS_REJECTED_DAYS", ("topics", "rejected_days"), "days for which rejected input is kept"),
    Variable("SIGNALS_BASE_CURRENCY", ("money", "base_currency"), "three letters"),
    Variable("SIGNALS_CLOCK_MODE", ("clock", "mode"), "wall or data"),
    Variable("SIGNALS_CLOCK_GRACE", ("clock", "grace_seconds"), "seconds that a source may be late"),
    Variable("SIGNALS_CLOCK_INTERVAL", ("clock", "interval_seconds"), "seconds between ticks"),
    Variable("SIGNALS_WEB_HOST", ("web", "host"), "the address that /metrics listens on; 0.0.0.0 in a container"),
    Variable("SIGNALS_WEB_PORT", ("web", "base_port"), "the first program's port; the others follow; 0: free ones"),
    Variable("SIGNALS_INTAKE_HOST", ("intake", "host"), "the address that webhooks come in on"),
    Variable("SIGNALS_INTAKE_PORT", ("intake", "port"), "its port; 0: a free one"),
    Variable("SIGNALS_INTAKE_PUBLIC_URL", ("intake", "public_url"), "the address that a CRM sends its webhooks to"),
    Variable("SLACK_BOT_TOKEN", ("slack", "token"), "a secret; none: messages are drawn in the terminal"),
    Variable("SLACK_SIGNING_SECRET", ("slack", "signing_secret"), "a secret; Slack's buttons come in over HTTP"),
    Variable("SLACK_APP_TOKEN", ("slack", "app_token"), "a secret; Slack's buttons come in by Socket Mode"),
    Variable("SLACK_API_URL", ("slack", "api_url"), "another address in place of Slack's own"),
)

#: The secret of a source's webhooks, by the source's name in capitals, `-` as `_`.
SECRET_VARIABLE = "SIGNALS_SOURCE_{name}_SECRET"  # noqa: S105  # its name, not a secret
#: The same of a target that `forward` tells.
TARGET_SECRET_VARIABLE = "SIGNALS_TARGET_{name}_SECRET"  # noqa: S105  # its name, not a secret

#: Names the settings file itself; without it `signals.toml` in the working folder, if there is one.
FILE_VARIABLE = "SIGNALS_SETTINGS"
FILE_NAME = "signals.toml"

#: Settings that are paths: in the file they are relative to it, in the environment to the working folder.
_PATHS = (
    ("playbook",),
    ("data_dir",),
    ("broker", "ca_file"),
    ("broker", "cert_file"),
    ("broker", "key_file"),
)


class Problem(NamedTuple):
    """One thing that is wrong: in which file (or the environment), under which key or variable, and why."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


class SettingsError(ValueError):
    """The settings cannot be used. `problems` has every reason; one line each in the message."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Gathered(NamedTuple):
    """What the file and the environment say, not yet checked. Paths are already relative to the working folder."""

    values: dict[str, Any]
    file: str
    variables: tuple[Variable, ...]
    unread: tuple[Problem, ...] = ()

    def problem(self, key: Key, reason: str) -> Problem:
        """A problem under a key, named by the variable where one has set it."""
        for variable in self.variables:
            if variable.key == key[: len(variable.key)]:
                return Problem("environment", variable.name, reason)
        return Problem(self.file, _dotted(key), reason)


def load_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings of a process that works in `folder`. Raises SettingsError with everything that is wrong."""
    return checked(gather(environ, folder))


def gather(environ: Mapping[str, str], folder: Path) -> Gathered:
    """Read the file, then put the environment over it. Never raises: a file that cannot be read is a problem."""
    file = _settings_file(environ, folder)
    values: dict[str, Any] = {}
    unread: tuple[Problem, ...] = ()
    if file is not None:
        try:
            values = _anchored(tomllib.loads(file.read_bytes().decode()), file.parent)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            unread = (Problem(str(file), "", reason),)
    known = (*VARIABLES, *_secret_variables(values))
    given = tuple(variable for variable in known if environ.get(variable.name))
    for variable in given:
        text = environ[variable.name]
        _put(values, variable.key, str(folder / text) if variable.key in _PATHS else text)
    named = "settings" if file is None else str(file)
    return Gathered(values, named, given, (*unread, *_read_secrets(values, named)))


def _secret_variables(values: dict[str, Any]) -> list[Variable]:
    """A variable for the secret of each source that may be fed over HTTP, and of each target."""
    sources = [
        Variable(secret_variable(source.text("name") or ""), ("sources", place, "webhook", "secret"), "a secret")
        for place, source in _placed(values, "sources")
        if source.text("kind") in WEBHOOK_KINDS
    ]
    targets = [
        Variable(target_secret_variable(target.text("name") or ""), ("targets", place, "secret"), "a secret")
        for place, target in _placed(values, "targets")
    ]
    return sources + targets


def secret_variable(source: str) -> str:
    """The variable that holds the secret of this source's webhooks."""
    return SECRET_VARIABLE.format(name=_capitals(source))


def target_secret_variable(target: str) -> str:
    """The variable that holds the secret of this target."""
    return TARGET_SECRET_VARIABLE.format(name=_capitals(target))


def _capitals(name: str) -> str:
    return name.upper().replace("-", "_")


def _read_secrets(values: dict[str, Any], file: str) -> Iterator[Problem]:
    """Put what secret files hold in their place, unless a secret is given; what cannot be read is a problem.

    One that we may not read is none: only the user of `intake` or `forward` need be able to, and those say it.
    """
    holders = [source.part("webhook") for _, source in _placed(values, "sources")]
    for holder in (*holders, *(target for _, target in _placed(values, "targets"))):
        path = holder.text("secret_file")
        if path is None or holder.text("secret") is not None:
            continue
        try:
            holder.values["secret"] = Path(path).read_text(encoding="utf-8").strip()
        except PermissionError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not text"
            yield Problem(file, _dotted(holder.at("secret_file")), f"{path}: {reason}")


def _placed(values: dict[str, Any], key: str) -> list[tuple[int, Part]]:
    return [(int(part.path[-1]), part) for part in whole(values).parts(key)]


def checked(gathered: Gathered) -> Settings:
    """The settings that were gathered. Raises SettingsError with everything that is wrong."""
    problems = list(gathered.unread)
    try:
        settings = Settings.model_validate(gathered.values)
    except ValidationError as error:
        problems += [gathered.problem(path, reason) for path, reason in refusals(error)]
    # Over the plain values, so that one wrong setting does not hide another (as `playbook.references` does).
    part = whole(gathered.values)
    problems += [gathered.problem(key, reason) for check in CHECKS for key, reason in check(part)]
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def _settings_file(environ: Mapping[str, str], folder: Path) -> Path | None:
    named = environ.get(FILE_VARIABLE)
    if named:
        return folder / named
    usual = folder / FILE_NAME
    return usual if usual.is_file() else None


def _anchored(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values with every path made relative to the file's own folder."""
    for *outer, last in _PATHS:
        _anchor(values.get(outer[0]) if outer else values, last, folder)
    sources = values.get("sources")
    for source in sources if isinstance(sources, list) else ():
        _anchor(source, "mapping", folder)
        _anchor(source.get("webhook") if isinstance(source, dict) else None, "secret_file", folder)
    targets = values.get("targets")
    for target in targets if isinstance(targets, list) else ():
        _anchor(target, "secret_file", folder)
    return values


def _anchor(part: object, key: str, folder: Path) -> None:
    if isinstance(part, dict) and isinstance(part.get(key), str):
        part[key] = str(folder / part[key])


def _put(values: dict[str, Any], key: Key, value: str) -> None:
    inner: Any = values
    for step in key[:-1]:
        inner = inner[step] if isinstance(inner, list) and isinstance(step, int) else inner.setdefault(step, {})
        if not isinstance(inner, dict | list):
            return  # the file has something else there, which is refused under its own key
    inner[key[-1]] = value


def _dotted(key: Key) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key).removeprefix(".")


def _broker(settings: Part) -> Iterator[Finding]:
    broker = settings.part("broker")
    if (broker.text("protocol") or "").startswith("SASL"):
        for key in ("user", "password"):
            if broker.text(key) is None:
                yield broker.at(key), f"{broker.text('protocol')} needs one"
    if broker.text("key_file") and not broker.text("cert_file"):
        yield broker.at("key_file"), "a key without its cert_file"


def _source_names(settings: Part) -> Iterator[Finding]:
    seen: set[str] = set()
    for source in settings.parts("sources"):
        name = source.text("name") or ""
        if name in seen:
            yield source.at("name"), f"{name!r} stands twice; a source's raw topic carries its name"
        seen.add(name)


def _secret_names(settings: Part) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for source in settings.parts("sources"):
        name = source.text("name") or ""
        if source.text("kind") in WEBHOOK_KINDS:
            other = seen.setdefault(secret_variable(name), name)
            if other != name:
                yield source.at("name"), f"{secret_variable(name)} would be the secret of {other!r}, too: rename one"


def _targets(settings: Part) -> Iterator[Finding]:
    seen: set[str] = set()
    for target in settings.parts("targets"):
        variable = target_secret_variable(target.text("name") or "")
        if variable in seen:
            yield target.at("name"), f"{variable} would be the secret of two targets: rename one"
        seen.add(variable)
        url, insecure = target.text("url") or "", target.values.get("insecure") is True
        if in_the_clear(url) and not insecure:
            yield target.at("url"), "deals would travel in the clear: https, or insecure = true"


def _webhook_users(settings: Part) -> Iterator[Finding]:
    for source in settings.parts("sources"):
        kind, webhook = source.text("kind"), source.part("webhook")
        if kind == "hubspot" and webhook.text("user"):
            yield webhook.at("user"), "HubSpot signs, it does not log in"
        if kind == "pipedrive" and "signatures" in webhook.values:
            yield webhook.at("signatures"), "Pipedrive logs in, it does not sign"


def _source_kinds(settings: Part) -> Iterator[Finding]:
    for source in settings.parts("sources"):
        kind = source.text("kind")
        for key, owners in _ONLY_FOR.items():
            if kind in tuple(SourceKind) and kind not in owners and source.text(key) is not None:
                yield source.at(key), f"only a source of the kind {' or '.join(owners)} has one"
        if kind in tuple(SourceKind) and kind not in WEBHOOK_KINDS and "webhook" in source.values:
            yield source.at("webhook"), f"only a source of the kind {' or '.join(WEBHOOK_KINDS)} has one"
        if kind in MAPPED_KINDS and source.text("mapping") is None:
            yield source.at("mapping"), f"is missing: {kind} cannot be read without one"


def _field_types(settings: Part) -> Iterator[Finding]:
    for source in settings.parts("sources"):
        if source.text("kind") in _TYPED:
            fields = source.part("fields")
            named = {theirs: ours for theirs, ours in fields.values.items() if isinstance(ours, str)}
            yield from ((fields.at(theirs), reason) for theirs, reason in misdeclared(named))


#: Kinds whose `fields` may declare a type.
_TYPED = (SourceKind.HUBSPOT, SourceKind.PIPEDRIVE)
#: What `intake` can take in, by what it knows to verify.
WEBHOOK_KINDS = ("hubspot", "pipedrive")
_ONLY_FOR = {"mapping": MAPPED_KINDS, "deal_source": (SourceKind.CLOUDEVENTS, *MAPPED_KINDS)}


def _files(settings: Part) -> Iterator[Finding]:
    named = [(settings, "playbook"), *((source, "mapping") for source in settings.parts("sources"))]
    named += [(settings.part("broker"), key) for key in ("ca_file", "cert_file", "key_file")]
    for part, key in named:
        path = part.text(key)
        if path is not None and not Path(path).is_file():
            yield part.at(key), f"no such file: {path}"


def _certificates(settings: Part) -> Iterator[Finding]:
    """Certificates are read before anything connects: what a client says of them later names no file."""
    broker = settings.part("broker")
    if not (broker.text("protocol") or "").endswith("SSL"):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, own = broker.text("ca_file"), broker.text("cert_file")
    if authority is not None and Path(authority).is_file():
        reason = _refused_by_tls(lambda: context.load_verify_locations(authority))
        if reason is not None:
            yield broker.at("ca_file"), f"{authority} holds no certificates: {reason}"
    if own is not None and Path(own).is_file():
        key = broker.text("key_file")
        # a key that is encrypted gets an empty pass phrase, else OpenSSL asks for one on the terminal
        reason = _refused_by_tls(lambda: context.load_cert_chain(own, key, password=""))
        if reason is not None:
            yield broker.at("cert_file"), f"{own} and its key cannot be used, the key unencrypted: {reason}"


def _refused_by_tls(load: Callable[[], None]) -> str | None:
    try:
        load()
    except ssl.SSLError as error:
        return (error.reason or str(error)).lower().replace("_", " ")
    except OSError as error:
        return error.strerror or str(error)
    return None


def _rates(settings: Part) -> Iterator[Finding]:
    money = settings.part("money")
    base = money.text("base_currency") or Settings().money.base_currency
    rates = money.part("rates")
    if rates.values.get(base, 1) != 1:
        yield rates.at(base), "the base currency is worth 1 of itself"


CHECKS: tuple[Callable[[Part], Iterator[Finding]], ...] = (
    _broker,
    _source_names,
    _secret_names,
    _webhook_users,
    _source_kinds,
    _field_types,
    _files,
    _certificates,
    _rates,
    _targets,
)
