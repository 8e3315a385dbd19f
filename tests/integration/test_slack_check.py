"""`signals slack check`: what is missing is said, a line each; nothing is sent."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.calls import Calls, slack_client
from alerts.metrics import CallMetrics
from playbook.model import Playbook
from programs.settings import Hidden, SlackSettings
from programs.slack_check import Finding, check
from tests.golden.messages.samples import ANN, BEN, GUS, LEE, PLAYBOOK
from tests.integration.slack_server import APP_TOKEN, TOKEN, SlackServer, not_ok

ROOT = Path(__file__).parents[2]
WHOLE = PLAYBOOK.model_copy(
    update={"owners": (ANN, BEN, LEE), "revops": (LEE.name,), "fallback_channel": "#deal-signals"}
)
HTTP = SlackSettings(token=Hidden(TOKEN), signing_secret=Hidden("s1"))


async def _findings(slack: SlackServer, playbook: Playbook = WHOLE, settings: SlackSettings = HTTP) -> list[Finding]:
    calls = Calls(slack_client(TOKEN, slack.url, 2), CallMetrics(CollectorRegistry()))
    app = slack_client(settings.app_token.get_secret_value(), slack.url, 2) if settings.app_token else None
    found = [each async for each in check(settings, playbook, calls, app)]
    assert slack.said() == []
    assert {call.method for call in slack.calls}.isdisjoint({"chat.postMessage", "chat.update", "views.open"})
    return found


def _wrong(found: list[Finding]) -> dict[str, str]:
    return {each.what: each.wrong for each in found if each.wrong}


async def test_all_is_well() -> None:
    async with SlackServer() as slack:
        found = await _findings(slack)
        assert _wrong(found) == {}
        assert {each.what for each in found} >= {"token", "buttons", "owner Ann Example", "owner Ben Sample"}


async def test_a_token_that_slack_refuses_is_all_that_is_said() -> None:
    async with SlackServer() as slack:
        slack.fail("auth.test", not_ok("invalid_auth"))
        assert list(_wrong(await _findings(slack))) == ["token"]


async def test_what_is_missing_is_said_with_what_to_do() -> None:
    async with SlackServer() as slack:
        slack.scopes = slack.scopes.replace("im:history", "").replace("users:read.email", "")
        slack.out.add("C0REVOPS1")
        slack.users.pop("ben@example.com")
        slack.emails.pop("U0LEE0001")
        gaps = WHOLE.model_copy(update={"owners": (*WHOLE.owners, GUS), "fallback_channel": "#gone", "revops": ()})
        wrong = _wrong(await _findings(slack, gaps, SlackSettings(token=Hidden(TOKEN))))
    assert set(wrong) == {
        "scope im:history",
        "scope users:read.email",
        "buttons",
        "fallback_channel #gone",
        "revops_channel C0REVOPS1",
        "owner Ben Sample",
        "owner Lee Lead",
        "owner Gus Ghost",
        "revops",
    }
    assert "users_not_found" in wrong["owner Ben Sample"]
    assert "SLACK_APP_TOKEN" in wrong["buttons"]


@pytest.mark.parametrize(("token", "wrong"), [(APP_TOKEN, []), ("xapp-another", ["app token"])])
async def test_an_app_token_is_tried_without_connecting(token: str, wrong: list[str]) -> None:
    async with SlackServer() as slack:
        settings = SlackSettings(token=Hidden(TOKEN), app_token=Hidden(token))
        assert list(_wrong(await _findings(slack, settings=settings))) == wrong
        assert slack.connected == 0


async def test_an_owner_whose_user_is_deactivated_is_missing() -> None:
    async with SlackServer() as slack:
        slack.gone.add("U0ANN0001")
        alone = WHOLE.model_copy(update={"owners": (ANN, LEE)})
        assert "deactivated" in _wrong(await _findings(slack, alone))["owner Ann Example"]


async def _command(environ: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "programs", "slack", "check",
        env={**os.environ, **environ}, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


async def test_the_command_prints_a_line_each_and_its_exit_code_says_how_it_is(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    text = (ROOT / "playbook" / "default.yaml").read_text(encoding="utf-8")
    people = f"\nowners:\n- {{name: {ANN.name}, slack: {ANN.slack}}}\nrevops: [{ANN.name}]\n"
    playbook.write_text(text + people)
    async with SlackServer() as slack:
        slack.names["revops"] = "C0REVOPS1"
        environ = {
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_SIGNING_SECRET": "a secret of this test",
            "SLACK_API_URL": slack.url,
            "SIGNALS_PLAYBOOK": str(playbook),
        }
        assert (await _command(environ))[0] == 0
        slack.emails.pop("U0ANN0001")
        code, said = await _command(environ)
    assert code == 1
    assert [line for line in said.splitlines() if line.startswith("MISSING")] == [
        "MISSING  owner Ann Example: U0ANN0001: user_not_found"
    ]
    assert TOKEN not in said
    assert (await _command({"SLACK_BOT_TOKEN": ""}))[0] == 2
