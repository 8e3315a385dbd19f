"""Targets in the settings: what is refused before anything connects, and how `up` runs one program for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.settings import Broker
from programs.configuration import SettingsError, load_settings
from programs.failures import CallError
from programs.forward import chosen, to_target
from programs.installation import Installation, _ports, children
from programs.settings import FORWARD, PORTED
from programs.startup import prepare
from programs.wiring import forward
from topics.signals import Kind

HOOK = '[[targets]]\nname = "hook"\nform = "webhook"\nurl = "https://x.example/in"\n'
PAGER = '[[targets]]\nname = "pager"\nform = "alertmanager"\nurl = "http://127.0.0.1:9/in"\nkinds = ["unowned"]\n'
SECRET = {"SIGNALS_TARGET_HOOK_SECRET": "s3cret"}


def written(folder: Path, *parts: str) -> Path:
    (folder / "signals.toml").write_text("\n".join(parts))
    return folder


REFUSED = [
    ("in the clear", HOOK.replace("https", "http"), "targets[0].url: deals would travel in the clear"),
    ("no address", HOOK.replace("https://x.example/in", "x.example"), "targets[0].url: must be an address like"),
    ("a login in the address", HOOK.replace("x.example", "me:pw@x.example"), "targets[0].url: must be an address"),
    ("a form that nobody knows", HOOK.replace('"webhook"', '"carrier"'), "targets[0].form"),
    ("a kind that nobody knows", HOOK + 'kinds = ["boredom"]\n', "targets[0].kinds"),
    ("two of one name", HOOK + HOOK, "targets[1].name: SIGNALS_TARGET_HOOK_SECRET would be the secret of two"),
    ("a secret's file that is not there", HOOK + 'secret_file = "gone"\n', "targets[0].secret_file"),
]


@pytest.mark.parametrize(("text", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_said_before_anything_connects(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({}, written(tmp_path, text))
    assert reason in str(refused.value)
    assert "me:pw" not in str(refused.value)


def test_in_the_clear_where_it_is_asked_for(tmp_path: Path) -> None:
    text = HOOK.replace("https", "http") + "insecure = true\n"
    assert chosen(load_settings({}, written(tmp_path, text)), None).url == "http://x.example/in"


UNTOLD = [
    ("nothing is named", "", {}, None, "the settings name no target"),
    ("one of two", HOOK + PAGER, SECRET, None, "--target must be one of hook, pager"),
    ("another one", HOOK, SECRET, "pager", "--target must be one of hook"),
    ("no secret", HOOK, {}, "hook", "has no secret to sign with: set SIGNALS_TARGET_HOOK_SECRET"),
    ("no base64", HOOK, {"SIGNALS_TARGET_HOOK_SECRET": "whsec_?"}, "hook", "goes on in base64"),
]


@pytest.mark.parametrize(
    ("text", "environ", "name", "reason"), [row[1:] for row in UNTOLD], ids=[row[0] for row in UNTOLD]
)
def test_which_target_and_why_not(
    text: str, environ: dict[str, str], name: str | None, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CallError) as refused:
        chosen(load_settings(environ, written(tmp_path, text)), name)
    assert reason in str(refused.value)


def test_the_secret_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    settings = load_settings({}, written(tmp_path, HOOK, 'secret_file = "secret"', PAGER))
    target = to_target(chosen(settings, "hook"))
    assert (target.secret, target.kinds) == (b"from a file", frozenset())
    assert to_target(chosen(settings, "pager")).kinds == {Kind.UNOWNED}
    assert settings.secrets() == ("from a file",)
    assert "from a file" not in repr(settings)


def test_up_runs_one_program_for_each_with_a_port_and_a_group_of_its_own(tmp_path: Path) -> None:
    ready = prepare(SECRET, written(tmp_path, HOOK, PAGER, "[web]", "base_port = 0"))
    ports = _ports(ready)
    base = min(ports.values())
    assert [ports[f"{FORWARD}.{name}"] for name in ("hook", "pager")] == [
        base + PORTED.index(FORWARD),
        base + PORTED.index(FORWARD) + 1,
    ]
    assert len(set(ports.values())) == len(ports)
    told = {child.name: child for child in children(ready, Installation(Broker("127.0.0.1:1"), None, ports), {})}
    pager = told["forward.pager"]
    assert list(pager.command)[-3:] == ["forward", "--target", "pager"]
    inside = prepare({**SECRET, **pager.environ}, tmp_path)
    app = forward(inside, "127.0.0.1:1", chosen(inside.settings, "pager"))
    assert app.engine_settings.name == "forward.pager"
    assert app.engine_settings.web_port == ports["forward.pager"]
