"""Where requests may go: one path per source that is fed over HTTP, and how each knows who knocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from programs.configuration import WEBHOOK_KINDS, secret_variable
from programs.failures import CallError
from programs.intake import signatures
from programs.intake.signatures import Forgery, Signed, Version
from programs.settings import Settings, SourceSettings, WebhookSettings
from programs.startup import Ready
from topics.catalog import RAW_PREFIX

METHOD = "POST"


class Guard(Protocol):
    """Says what is wrong with a request: twice, since its headers may rule it out before its body is read."""

    def headers(self, headers: Mapping[str, str], now_ms: int) -> Forgery | None:
        """What is wrong with the headers alone."""

    def whole(self, headers: Mapping[str, str], query: str, body: bytes) -> Forgery | None:
        """What is wrong with a request whose headers passed; `query` is as sent, with its question mark."""


class HubSpotGuard(NamedTuple):
    """Verifies HubSpot's signature over the public address of one source."""

    secret: bytes
    uri: str
    accepted: frozenset[Version]

    def headers(self, headers: Mapping[str, str], now_ms: int) -> Forgery | None:
        """A signature that is accepted here, made a moment ago."""
        return signatures.hubspot_headers(headers, signatures.carried(headers, self.accepted), now_ms)

    def whole(self, headers: Mapping[str, str], query: str, body: bytes) -> Forgery | None:
        """The signature itself."""
        version = signatures.carried(headers, self.accepted)
        if version is None:
            return Forgery.UNSIGNED
        return signatures.hubspot(self.secret, version, headers, Signed(METHOD, self.uri + query, body))


class LoginGuard(NamedTuple):
    """Wants a user and a password (Pipedrive)."""

    user: str
    password: str

    def headers(self, headers: Mapping[str, str], now_ms: int) -> Forgery | None:  # noqa: ARG002  # the protocol's
        """The login."""
        return signatures.basic(self.user, self.password, headers)

    def whole(self, headers: Mapping[str, str], query: str, body: bytes) -> Forgery | None:  # noqa: ARG002  # the same
        """Nothing beyond the login."""
        return None


class SlackGuard(NamedTuple):
    """Verifies Slack's signature over time and body."""

    secret: bytes

    def headers(self, headers: Mapping[str, str], now_ms: int) -> Forgery | None:
        """A signature, made a moment ago."""
        return signatures.slack_headers(headers, now_ms)

    def whole(self, headers: Mapping[str, str], query: str, body: bytes) -> Forgery | None:  # noqa: ARG002  # the protocol's
        """The signature itself."""
        return signatures.slack(self.secret, headers, body)


class NoGuard(NamedTuple):
    """Takes what anybody sends: `insecure = true`."""

    def headers(self, headers: Mapping[str, str], now_ms: int) -> Forgery | None:  # noqa: ARG002  # the protocol's
        """Nothing is wrong."""
        return None

    def whole(self, headers: Mapping[str, str], query: str, body: bytes) -> Forgery | None:  # noqa: ARG002  # the same
        """Nothing is wrong."""
        return None


class Answers(Protocol):
    """What takes a body in the place of a topic."""

    async def __call__(self, body: bytes, content_type: str) -> bytes:
        """What is answered, JSON or nothing; raises AwayError, `KafkaError`."""


class Door(NamedTuple):
    """The way in of one source: the topic behind it, and who guards it.

    `login`: a 401 asks for a user. `answers`: who takes the body, where it does not go to the topic as it is.
    `within_s`: within what it is answered, where the sender waits for less than others do.
    """

    source: str
    topic: str
    guard: Guard
    login: bool = False
    answers: Answers | None = None
    within_s: float | None = None


def served(settings: Settings) -> tuple[tuple[SourceSettings, WebhookSettings], ...]:
    """The sources that are fed over HTTP, with what is said of that."""
    return tuple((source, source.webhook) for source in settings.sources if source.webhook is not None)


def listens(settings: Settings) -> bool:
    """Whether Slack's buttons come in here."""
    return settings.slack.signing_secret is not None or settings.slack.app_token is not None


def doors(ready: Ready) -> dict[str, Door]:
    """Every door by its path, under the public address's own path, too, for proxies that leave that in place.

    Raises CallError with everything that a source lacks.
    """
    settings = ready.settings
    wrong = list(troubles(settings))
    if wrong:
        raise CallError(*wrong)
    keys = {source.name: source.key for source in ready.sources}
    made: dict[str, Door] = {}
    for source, webhook in served(settings):
        path, guard = path_of(source), _guard(settings, source, webhook)
        door = Door(keys[source.name], RAW_PREFIX + source.name, guard, login=isinstance(guard, LoginGuard))
        made[path] = door
    return under(ready, made)


def under(ready: Ready, made: Mapping[str, Door]) -> dict[str, Door]:
    """Doors by their paths, and under the public address's own path."""
    prefix = urlsplit(ready.settings.intake.public_url or "").path
    return {start + path: door for path, door in made.items() for start in ("", prefix)}


def path_of(source: SourceSettings) -> str:
    """The path of a source's webhooks."""
    return f"/{source.kind}/{source.name}"


def troubles(settings: Settings) -> Iterable[str]:
    """What is missing, one line each: a source that nobody guards is not served unless it says so itself."""
    sources = served(settings)
    if not sources and not listens(settings):
        yield (
            f"nothing comes in: give a source of the kind {' or '.join(WEBHOOK_KINDS)} a [sources.webhook], or "
            "slack a signing_secret or an app_token"
        )
    if listens(settings) and settings.slack.token is None:
        yield "slack.token is missing (SLACK_BOT_TOKEN): forms and the app's home need it"
    for source, webhook in sources:
        if webhook.insecure:
            continue
        if webhook.secret is None and webhook.secret_file is not None:
            yield f"source {source.name}: {webhook.secret_file} may not be read by who runs this"
        elif webhook.secret is None or not webhook.secret.get_secret_value():
            yield (
                f"source {source.name}: its webhook has no secret: set {secret_variable(source.name)} or "
                "webhook.secret_file (or webhook.insecure = true, and take what anybody sends)"
            )
        yield from _LACKS[source.kind](settings, source, webhook)


def _lacks_hubspot(settings: Settings, source: SourceSettings, webhook: WebhookSettings) -> Iterable[str]:
    if webhook.signatures & {"v2", "v3"} and settings.intake.public_url is None:
        yield (
            f"source {source.name}: HubSpot signs the address that it calls: set intake.public_url "
            f"(SIGNALS_INTAKE_PUBLIC_URL); it then sends to <public_url>{path_of(source)}"
        )


def _lacks_pipedrive(_settings: Settings, source: SourceSettings, webhook: WebhookSettings) -> Iterable[str]:
    if not webhook.user or ":" in webhook.user:
        yield f"source {source.name}: webhook.user must be the user of Pipedrive's HTTP authentication, without a colon"


_LACKS: Mapping[str, Callable[[Settings, SourceSettings, WebhookSettings], Iterable[str]]] = {
    "hubspot": _lacks_hubspot,
    "pipedrive": _lacks_pipedrive,
}


def _guard(settings: Settings, source: SourceSettings, webhook: WebhookSettings) -> Guard:
    """Who guards a source of which nothing is missing."""
    if webhook.insecure or webhook.secret is None:
        return NoGuard()
    secret = webhook.secret.get_secret_value()
    if source.kind == "pipedrive":
        return LoginGuard(webhook.user, secret)
    uri = f"{settings.intake.public_url or ''}{path_of(source)}"
    return HubSpotGuard(secret.encode(), uri, frozenset(map(Version, webhook.signatures)))
