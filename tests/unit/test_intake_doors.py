"""Which sources have a door, where, guarded by what; and what is missing before one may open."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs.failures import CallError
from programs.intake.doors import Door, HubSpotGuard, LoginGuard, NoGuard, SlackGuard, doors
from programs.intake.program import Intake
from programs.intake.signatures import Version
from programs.startup import prepare

HUBSPOT = '[[sources]]\nname = "crm"\nkind = "hubspot"\ntenant = "acme"\n'
PIPEDRIVE = '[[sources]]\nname = "pd"\nkind = "pipedrive"\n'
PUBLIC = '[intake]\npublic_url = "https://in.example/hooks"\n'
SECRET = {"SIGNALS_SOURCE_CRM_SECRET": "s1", "SIGNALS_SOURCE_PD_SECRET": "s2"}
V3 = frozenset({Version.V3})


def made(folder: Path, text: str, environ: dict[str, str]) -> dict[str, Door]:
    (folder / "signals.toml").write_text(text)
    return doors(prepare(environ, folder))


def test_a_door_per_source_also_under_the_path_of_the_public_address(tmp_path: Path) -> None:
    found = made(tmp_path, PUBLIC + HUBSPOT + PIPEDRIVE + '[sources.webhook]\nuser = "u"\n', SECRET)
    crm = Door("crm/acme", "crm.raw.crm", HubSpotGuard(b"s1", "https://in.example/hooks/hubspot/crm", V3))
    pipedrive = Door("pd/default", "crm.raw.pd", LoginGuard("u", "s2"), login=True)
    assert found == {
        "/hubspot/crm": crm,
        "/hooks/hubspot/crm": crm,
        "/pipedrive/pd": pipedrive,
        "/hooks/pipedrive/pd": pipedrive,
    }


def test_slack_s_doors_stand_where_its_signing_secret_is_and_need_the_token(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text(PUBLIC)
    known = {"SLACK_SIGNING_SECRET": "s3", "SLACK_BOT_TOKEN": "xoxb-1"}
    intake = Intake(prepare(known, tmp_path), "127.0.0.1:1")
    assert set(intake.doors) == {
        start + path for start in ("", "/hooks") for path in ("/slack/interactions", "/slack/events")
    }
    assert {door.guard for door in intake.doors.values()} == {SlackGuard(b"s3")}
    assert "slack" in intake.ready_checks
    by_socket = Intake(prepare({"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN": "xoxb-1"}, tmp_path), "127.0.0.1:1")
    assert by_socket.doors == {}
    with pytest.raises(CallError, match=r"slack\.token is missing"):
        Intake(prepare({"SLACK_APP_TOKEN": "xapp-1"}, tmp_path), "127.0.0.1:1")


def test_old_signatures_and_no_guard_only_where_they_are_asked_for(tmp_path: Path) -> None:
    old = made(tmp_path, HUBSPOT + '[sources.webhook]\nsignatures = ["v1"]\n', SECRET)["/hubspot/crm"]
    assert old.guard == HubSpotGuard(b"s1", "/hubspot/crm", frozenset({Version.V1})), "v1 signs no address"
    assert made(tmp_path, HUBSPOT + "[sources.webhook]\ninsecure = true\n", {})["/hubspot/crm"].guard == NoGuard()


UNGUARDED = (
    "source crm: its webhook has no secret: set SIGNALS_SOURCE_CRM_SECRET or webhook.secret_file "
    "(or webhook.insecure = true, and take what anybody sends)"
)
NO_ADDRESS = (
    "source crm: HubSpot signs the address that it calls: set intake.public_url (SIGNALS_INTAKE_PUBLIC_URL); "
    "it then sends to <public_url>/hubspot/crm"
)
NO_USER = "source pd: webhook.user must be the user of Pipedrive's HTTP authentication, without a colon"

# (what is missing, the settings, the variables, what is said)
NOTHING = (
    "nothing comes in: give a source of the kind hubspot or pipedrive a [sources.webhook], or slack a signing_secret "
    "or an app_token"
)
MISSING = [
    (
        "every source",
        "",
        {},
        [NOTHING],
    ),
    ("the secret", PUBLIC + HUBSPOT + '[sources.webhook]\nsignatures = ["v3"]\n', {}, [UNGUARDED]),
    ("the secret, which is empty", PUBLIC + HUBSPOT + '[sources.webhook]\nsecret = ""\n', {}, [UNGUARDED]),
    ("the address", HUBSPOT, SECRET, [NO_ADDRESS]),
    ("the address, for v2", HUBSPOT + '[sources.webhook]\nsignatures = ["v2"]\n', SECRET, [NO_ADDRESS]),
    ("the user", PIPEDRIVE, SECRET, [NO_USER]),
    ("a user that can be told from its password", PIPEDRIVE + '[sources.webhook]\nuser = "a:b"\n', SECRET, [NO_USER]),
    ("everything", HUBSPOT + PIPEDRIVE, SECRET, [NO_ADDRESS, NO_USER]),
]


@pytest.mark.parametrize(("text", "environ", "said"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_nothing_opens_while_something_is_missing(
    tmp_path: Path, text: str, environ: dict[str, str], said: list[str]
) -> None:
    with pytest.raises(CallError) as refused:
        made(tmp_path, text, environ)
    assert list(refused.value.lines) == said
    assert refused.value.code == 2


def test_a_secret_that_only_intake_may_read_stops_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Path.read_text

    def refuse(path: Path, **how: str) -> str:
        if path.name == "secret":
            raise PermissionError
        return usual(path, **how)

    (tmp_path / "secret").touch()
    (tmp_path / "signals.toml").write_text(PUBLIC + HUBSPOT + '[sources.webhook]\nsecret_file = "secret"\n')
    monkeypatch.setattr(Path, "read_text", refuse)  # whoever runs the tests may be allowed to read everything
    ready = prepare({}, tmp_path)
    with pytest.raises(CallError) as refused:
        doors(ready)
    assert list(refused.value.lines) == [f"source crm: {tmp_path}/secret may not be read by who runs this"]
