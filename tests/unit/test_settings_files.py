"""`signals.toml` and the environment: what each variable sets, and everything that is wrong at once."""

# ruff: noqa: E501 - a row of a table of cases is one line, however long

from __future__ import annotations

import re
from pathlib import Path

import pytest

from programs.configuration import VARIABLES, SettingsError, load_settings
from programs.settings import PROGRAMS, Hidden, Settings

ROOT = Path(__file__).parents[2]

# (variable, its text, the setting as Python reads it, the value)
SET = [
    ("SIGNALS_BROKER", "one:9092, two:9093", "broker.bootstrap", "one:9092,two:9093"),
    ("SIGNALS_BROKER_PROTOCOL", "SSL", "broker.protocol", "SSL"),
    ("SIGNALS_BROKER_MECHANISM", "SCRAM-SHA-512", "broker.mechanism", "SCRAM-SHA-512"),
    ("SIGNALS_BROKER_USER", "signals", "broker.user", "signals"),
    ("SIGNALS_BROKER_PASSWORD", "s3cret", "broker.password", Hidden("s3cret")),
    ("SIGNALS_BROKER_CA_FILE", "here.pem", "broker.ca_file", "<folder>/here.pem"),
    ("SIGNALS_BROKER_CERT_FILE", "here.pem", "broker.cert_file", "<folder>/here.pem"),
    ("SIGNALS_BROKER_KEY_FILE", "here.pem", "broker.key_file", "<folder>/here.pem"),
    ("SIGNALS_PLAYBOOK", "here.pem", "playbook", "<folder>/here.pem"),
    ("SIGNALS_DATA_DIR", "state", "data_dir", "<folder>/state"),
    ("SIGNALS_STORE", "rocksdb", "store", "rocksdb"),
    ("SIGNALS_LOG_LEVEL", "debug", "log_level", "debug"),
    ("SIGNALS_PARTITIONS", "12", "topics.partitions", 12),
    ("SIGNALS_REPLICATION", "3", "topics.replication", 3),
    ("SIGNALS_RAW_DAYS", "14", "topics.raw_days", 14),
    ("SIGNALS_REJECTED_DAYS", "60", "topics.rejected_days", 60),
    ("SIGNALS_BASE_CURRENCY", "EUR", "money.base_currency", "EUR"),
    ("SIGNALS_CLOCK_MODE", "data", "clock.mode", "data"),
    ("SIGNALS_CLOCK_GRACE", "0", "clock.grace_seconds", 0.0),
    ("SIGNALS_CLOCK_INTERVAL", "0.25", "clock.interval_seconds", 0.25),
    ("SIGNALS_WEB_HOST", "0.0.0.0", "web.host", "0.0.0.0"),  # noqa: S104 - the value a container needs
    ("SIGNALS_WEB_PORT", "9200", "web.base_port", 9200),
    ("SIGNALS_INTAKE_HOST", "0.0.0.0", "intake.host", "0.0.0.0"),  # noqa: S104 - the same
    ("SIGNALS_INTAKE_PORT", "8443", "intake.port", 8443),
    ("SIGNALS_INTAKE_PUBLIC_URL", "https://in.example/hooks/", "intake.public_url", "https://in.example/hooks"),
    ("SLACK_BOT_TOKEN", "xoxb-1", "slack.token", Hidden("xoxb-1")),
    ("SLACK_SIGNING_SECRET", "abc123", "slack.signing_secret", Hidden("abc123")),
    ("SLACK_APP_TOKEN", "xapp-1", "slack.app_token", Hidden("xapp-1")),
    ("SLACK_API_URL", "http://127.0.0.1:8080/api", "slack.api_url", "http://127.0.0.1:8080/api/"),
]


def at(settings: Settings, path: str) -> object:
    value: object = settings
    for step in path.split("."):
        value = getattr(value, step)
    return value


def problems(environ: dict[str, str], folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ, folder)
    return str(refused.value).splitlines()


@pytest.mark.parametrize(("name", "text", "path", "value"), SET, ids=[row[0] for row in SET])
def test_each_variable_sets_its_setting_and_no_other(
    tmp_path: Path, name: str, text: str, path: str, value: object
) -> None:
    (tmp_path / "here.pem").touch()
    usual = load_settings({}, tmp_path)
    beside = {"SIGNALS_BROKER_CERT_FILE": "here.pem"} if name == "SIGNALS_BROKER_KEY_FILE" else {}
    settings = load_settings({name: text, **beside}, tmp_path)
    expected = value.replace("<folder>", str(tmp_path)) if isinstance(value, str) else value
    got = at(settings, path)
    assert (str(got) if isinstance(got, Path) else got) == expected
    assert got != at(usual, path)
    others = [row[2] for row in SET if row[2] != path and not (beside and row[2] == "broker.cert_file")]
    assert [at(settings, other) for other in others] == [at(usual, other) for other in others]


def test_the_rows_above_are_all_the_variables() -> None:
    assert [row[0] for row in SET] == [variable.name for variable in VARIABLES]


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    assert load_settings(dict.fromkeys((row[0] for row in SET), ""), tmp_path) == load_settings({}, tmp_path)


def test_nothing_set_is_a_machine_that_works_by_itself(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert [(source.name, source.kind.value) for source in settings.sources] == [
        ("salesforce", "salesforce"),
        ("web", "cloudevents"),
    ]
    assert settings.broker.bootstrap is None
    assert settings.web.host == "127.0.0.1"
    assert {program: settings.web.port(program) for program in PROGRAMS} == {
        "ingest": 9101,
        "join": 9102,
        "detect": 9103,
        "route": 9104,
        "notify": 9105,
        "send": 9106,
        "baselines": 9108,
    }


def test_ports(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text("[web]\nbase_port = 0\nports = {send = 9999}\n")
    web = load_settings({}, tmp_path).web
    assert [web.port(program) for program in PROGRAMS] == [0, 0, 0, 0, 0, 9999, 0]
    assert [load_settings({"SIGNALS_WEB_PORT": "80"}, tmp_path).web.port(each) for each in PROGRAMS[:2]] == [80, 81]


def test_secrets_print_as_stars(tmp_path: Path) -> None:
    settings = load_settings({"SLACK_BOT_TOKEN": "xoxb-1", "SIGNALS_BROKER_PASSWORD": "pw-1"}, tmp_path)
    assert settings.slack.token is not None
    assert settings.slack.token.get_secret_value() == "xoxb-1"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.slack.token)):
        assert "***" in shown
        assert "xoxb-1" not in shown
        assert "pw-1" not in shown


def test_the_secret_of_a_webhook_by_variable_file_or_setting(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "secret").write_text("from-the-file\n")
    source = '[[sources]]\nname = "my-crm"\nkind = "hubspot"\n'
    file = '[sources.webhook]\nsecret_file = "secret"\n'
    for text, environ, secret in (
        (source + file, {}, "from-the-file"),
        (source + file + 'secret = "from-the-setting"\n', {}, "from-the-setting"),
        (source + file, {"SIGNALS_SOURCE_MY_CRM_SECRET": "from-the-variable"}, "from-the-variable"),
        (source, {"SIGNALS_SOURCE_MY_CRM_SECRET": "from-the-variable"}, "from-the-variable"),
        (source, {"SIGNALS_SOURCE_MY_CRM_SECRET": ""}, None),
    ):
        (tmp_path / "etc" / "my.toml").write_text(text)
        settings = load_settings({"SIGNALS_SETTINGS": "etc/my.toml", **environ}, tmp_path)
        webhook = settings.sources[0].webhook
        found = None if webhook is None or webhook.secret is None else webhook.secret.get_secret_value()
        assert found == secret
        assert settings.secrets() == ((secret,) if secret else ())
        assert secret is None or secret not in repr(settings) + settings.model_dump_json()


def test_a_variable_for_a_source_that_takes_no_webhooks_is_not_read(tmp_path: Path) -> None:
    usual = load_settings({}, tmp_path)
    assert load_settings({"SIGNALS_SOURCE_WEB_SECRET": "s"}, tmp_path) == usual
    (tmp_path / "signals.toml").write_text('[[sources]]\nname = "web"\nkind = "cloudevents"\n')
    assert load_settings({"SIGNALS_SOURCE_WEB_SECRET": "s"}, tmp_path).sources[0].webhook is None


def test_a_secret_does_not_show_in_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text('[slack]\ntoken = ["xoxb-1"]\n[broker]\npassword = 12345\n')
    said = problems({}, tmp_path)
    assert len(said) == 2
    assert "xoxb" not in str(said)
    assert "12345" not in str(said)


def test_the_environment_goes_before_the_file_and_each_has_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "book.yaml").touch()
    (tmp_path / "etc" / "map.yaml").touch()
    (tmp_path / "etc" / "my.toml").write_text(
        'playbook = "book.yaml"\ndata_dir = "state"\nlog_level = "error"\n[topics]\npartitions = 8\n'
        '[[sources]]\nname = "t"\nkind = "tables"\nmapping = "map.yaml"\n'
    )
    environ = {"SIGNALS_SETTINGS": "etc/my.toml", "SIGNALS_DATA_DIR": "elsewhere", "SIGNALS_PARTITIONS": "2"}
    settings = load_settings(environ, tmp_path)
    assert settings.playbook == tmp_path / "etc" / "book.yaml"
    assert settings.sources[0].mapping == tmp_path / "etc" / "map.yaml"
    assert settings.data_dir == tmp_path / "elsewhere"
    assert (settings.topics.partitions, settings.log_level) == (2, "error")


# (what is wrong, the file, the environment, what is said)
WRONG = [
    ("a file that is not there", None, {"SIGNALS_SETTINGS": "no.toml"}, ["<folder>/no.toml: No such file or directory"]),
    ("a file that is a folder", None, {"SIGNALS_SETTINGS": "."}, ["<folder>: Is a directory"]),
    ("not TOML", "a = \n", {}, ["<file>: Invalid value (at line 1, column 5)"]),
    ("not text", b"a = '\xff'", {}, ["<file>: 'utf-8' codec can't decode byte 0xff in position 5: invalid start byte"]),
    ("a setting that is none", "partitions = 4\n", {}, ["<file>: partitions: is not a name that is known here"]),
    ("a section that is a number", "broker = 7\n", {"SIGNALS_BROKER": "a:1"}, ["<file>: broker: must be a mapping of names to values"]),
    ("no source at all", "sources = []\n", {}, ["<file>: sources: must not be empty"]),
    ("no such program", "[web]\nports = {sent = 1}\n", {}, ["<file>: web.ports.sent: no program is called 'sent'"]),
    ("a port that is none", "", {"SIGNALS_WEB_PORT": "70000"}, ["environment: SIGNALS_WEB_PORT: input should be less than or equal to 65527"]),
    ("a broker without a port", "", {"SIGNALS_BROKER": "kafka"}, ["environment: SIGNALS_BROKER: 'kafka' is not host:port"]),
    ("a broker that is an address", "", {"SIGNALS_BROKER": "http://kafka:9092"}, ["environment: SIGNALS_BROKER: 'http://kafka:9092' is not host:port"]),
    ("a broker with a hole", "", {"SIGNALS_BROKER": "a:1,,b:2"}, ["environment: SIGNALS_BROKER: '' is not host:port"]),
    ("a broker on a port too far", "", {"SIGNALS_BROKER": "a:99999"}, ["environment: SIGNALS_BROKER: 'a:99999' is not host:port"]),
    ("SASL without credentials", "", {"SIGNALS_BROKER_PROTOCOL": "SASL_SSL"}, ["settings: broker.user: SASL_SSL needs one", "settings: broker.password: SASL_SSL needs one"]),
    ("a key without a certificate", "", {"SIGNALS_BROKER_KEY_FILE": "signals.toml"}, ["environment: SIGNALS_BROKER_KEY_FILE: a key without its cert_file"]),
    ("certificates that are not there", '[broker]\nca_file = "ca.pem"\n', {}, ["<file>: broker.ca_file: no such file: <folder>/ca.pem"]),
    ("a playbook that is not there", "", {"SIGNALS_PLAYBOOK": "no.yaml"}, ["environment: SIGNALS_PLAYBOOK: no such file: <folder>/no.yaml"]),
    ("a token that would travel in the clear", "", {"SLACK_API_URL": "http://slack.example/api/"}, ["environment: SLACK_API_URL: must be https: the token would travel in the clear"]),
    ("no address of Slack", "", {"SLACK_API_URL": "slack.com"}, ["environment: SLACK_API_URL: must be an address like https://slack.com/api/"]),
    ("a source twice", '[[sources]]\nname = "a"\nkind = "salesforce"\n[[sources]]\nname = "a"\nkind = "cloudevents"\n', {}, ["<file>: sources[1].name: 'a' stands twice; a source's raw topic carries its name"]),
    ("a source that no topic can carry", '[[sources]]\nname = "A b"\nkind = "salesforce"\n', {}, ["<file>: sources[0].name: string should match pattern '^[a-z0-9][a-z0-9_-]{0,59}$'"]),
    ("a kind that nobody reads", '[[sources]]\nname = "a"\nkind = "siebel"\n', {}, ["<file>: sources[0].kind: input should be 'salesforce', 'hubspot', 'pipedrive', 'debezium', 'cloudevents' or 'tables'"]),
    ("tables without a mapping", '[[sources]]\nname = "a"\nkind = "tables"\n', {}, ["<file>: sources[0].mapping: is missing: tables cannot be read without one"]),
    ("a mapping that is not there", '[[sources]]\nname = "a"\nkind = "tables"\nmapping = "m.yaml"\n', {}, ["<file>: sources[0].mapping: no such file: <folder>/m.yaml"]),
    ("a mapping that nobody needs", '[[sources]]\nname = "a"\nkind = "salesforce"\nmapping = "signals.toml"\n', {}, ["<file>: sources[0].mapping: only a source of the kind debezium or tables has one"]),
    ("a type that there is not", '[[sources]]\nname = "a"\nkind = "hubspot"\n[sources.fields]\n"company.tier" = "tier:tier"\nseats = "seats:number=1"\n', {}, ["<file>: sources[0].fields.company.tier: no type is called 'tier' (there are: text, number, bool, day, time)", "<file>: sources[0].fields.seats: only bool has choices, as in bool=Yes"]),
    ("someone else's deals", '[[sources]]\nname = "a"\nkind = "salesforce"\ndeal_source = "b/c"\n', {}, ["<file>: sources[0].deal_source: only a source of the kind cloudevents or debezium or tables has one"]),
    ("a webhook for who sends none", '[[sources]]\nname = "a"\nkind = "salesforce"\n[sources.webhook]\nsecret = "s"\n', {}, ["<file>: sources[0].webhook: only a source of the kind hubspot or pipedrive has one"]),
    ("a secret that cannot be read", '[[sources]]\nname = "a"\nkind = "hubspot"\n[sources.webhook]\nsecret_file = "no"\n', {}, ["<file>: sources[0].webhook.secret_file: <folder>/no: No such file or directory"]),
    ("two sources with one variable", '[[sources]]\nname = "a-b"\nkind = "hubspot"\n[[sources]]\nname = "a_b"\nkind = "pipedrive"\n', {}, ["<file>: sources[1].name: SIGNALS_SOURCE_A_B_SECRET would be the secret of 'a-b', too: rename one"]),
    ("a user for who signs", '[[sources]]\nname = "a"\nkind = "hubspot"\n[sources.webhook]\nuser = "u"\n', {}, ["<file>: sources[0].webhook.user: HubSpot signs, it does not log in"]),
    ("signatures of who logs in", '[[sources]]\nname = "a"\nkind = "pipedrive"\n[sources.webhook]\nsignatures = ["v3"]\n', {}, ["<file>: sources[0].webhook.signatures: Pipedrive logs in, it does not sign"]),
    ("a signature that nobody makes", '[[sources]]\nname = "a"\nkind = "hubspot"\n[sources.webhook]\nsignatures = ["v4"]\n', {}, ["<file>: sources[0].webhook.signatures[0]: input should be 'v1', 'v2' or 'v3'"]),
    ("a webhook that is a word", '[[sources]]\nname = "a"\nkind = "hubspot"\nwebhook = "yes"\n', {"SIGNALS_SOURCE_A_SECRET": "s"}, ["<file>: sources[0].webhook: must be a mapping of names to values"]),
    ("an address that would be in the clear", "", {"SIGNALS_INTAKE_PUBLIC_URL": "http://in.example"}, ["environment: SIGNALS_INTAKE_PUBLIC_URL: must be https: deals would travel in the clear"]),
    ("an address with a query", "", {"SIGNALS_INTAKE_PUBLIC_URL": "https://in.example/?a=1"}, ["environment: SIGNALS_INTAKE_PUBLIC_URL: must be plain: scheme, host, perhaps a port and a path, without query, spaces or encoded characters"]),
    ("bodies that no topic takes", "[intake]\nmax_body_bytes = 16777216\n", {}, ["<file>: intake.max_body_bytes: input should be less than or equal to 15728640"]),
    ("what no source provides", '[[sources]]\nname = "a"\nkind = "salesforce"\nprovides = ["love"]\n', {}, ["<file>: sources[0].provides[0]: input should be 'activities', 'meetings', 'contacts', 'close_date', 'next_step', 'category', 'owners' or 'accounts'"]),
    ("a base that is not worth itself", "[money]\nrates = {USD = 2.0}\n", {}, ["<file>: money.rates.USD: the base currency is worth 1 of itself"]),
    ("another base, by the environment", "[money]\nrates = {EUR = 1.1}\n", {"SIGNALS_BASE_CURRENCY": "EUR"}, ["<file>: money.rates.EUR: the base currency is worth 1 of itself"]),
    ("money that is worth nothing", "[money]\nrates = {EUR = 0}\n", {}, ["<file>: money.rates.EUR: input should be greater than 0"]),
    ("money without end", "[money]\nrates = {EUR = inf}\n", {}, ["<file>: money.rates.EUR: input should be a finite number"]),
    ("a clock that stands", "", {"SIGNALS_CLOCK_INTERVAL": "0"}, ["environment: SIGNALS_CLOCK_INTERVAL: input should be greater than 0"]),
    ("a level of one's own", "", {"SIGNALS_LOG_LEVEL": "loud"}, ["environment: SIGNALS_LOG_LEVEL: input should be 'debug', 'info', 'warning' or 'error'"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "environ", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong(tmp_path: Path, text: str | bytes | None, environ: dict[str, str], said: list[str]) -> None:
    file = tmp_path / "signals.toml"
    if text:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    elif text is not None and "SIGNALS_BROKER_KEY_FILE" in environ:
        (tmp_path / environ["SIGNALS_BROKER_KEY_FILE"]).touch()
    found = problems(environ, tmp_path)
    name = "settings" if not file.exists() else str(file)
    expected = [each.replace("<file>", str(file)).replace("<folder>", str(tmp_path)) for each in said]
    assert found == [re.sub("^settings:", f"{name}:", each) for each in expected]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text(
        'log_level = "loud"\nplaybook = "no.yaml"\n[broker]\nprotocol = "SASL_SSL"\nuser = "me"\n'
        '[[sources]]\nname = "a"\nkind = "tables"\n[[sources]]\nname = "a"\nkind = "siebel"\n'
    )
    said = problems({"SIGNALS_BROKER": "nowhere", "SIGNALS_PARTITIONS": "none"}, tmp_path)
    named = [re.sub(rf"^{re.escape(str(tmp_path))}/", "", each).split(": ")[:2] for each in said]
    assert sorted(named) == [
        ["environment", "SIGNALS_BROKER"],
        ["environment", "SIGNALS_PARTITIONS"],
        ["signals.toml", "broker.password"],
        ["signals.toml", "log_level"],
        ["signals.toml", "playbook"],
        ["signals.toml", "sources[0].mapping"],
        ["signals.toml", "sources[1].kind"],
        ["signals.toml", "sources[1].name"],
    ]


def test_the_example_is_whole_and_its_values_are_the_defaults(tmp_path: Path) -> None:
    file = ROOT / "examples" / "signals.toml"
    settings = load_settings({"SIGNALS_SETTINGS": str(file)}, tmp_path)
    usual = load_settings({}, tmp_path)
    same = ("playbook", "log_level", "topics", "clock", "slack", "web")
    assert {name: getattr(settings, name) for name in same} == {name: getattr(usual, name) for name in same}
    assert settings.data_dir == file.parent / "data"
    assert settings.broker.bootstrap == "localhost:9092"
    assert [source.name for source in settings.sources] == [source.name for source in usual.sources]


def test_the_example_comments_out_only_settings_that_exist(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "signals.toml").read_text()
    shown = re.sub(r"^# (?=\w+ = |\[)", "", text, flags=re.MULTILINE)
    shown = re.sub(r"(?m)^(mapping|ca_file|playbook) = .*$", "", shown).replace(
        'kind = "tables"', 'kind = "salesforce"'
    )
    assert shown.count("\n[[sources]]") == 4
    (tmp_path / "signals.toml").write_text(shown)
    settings = load_settings({"SIGNALS_BROKER_PASSWORD": "pw"}, tmp_path)
    assert settings.sources[0].schemas["Opportunity"][0] == "ChangeEventHeader"
    assert settings.sources[0].fields == {"Budget__c": "budget_confirmed", "Account.Vertical__c": "industry"}
