"""The one link that a message may carry: to the deal, under the playbook's CRM address and nowhere else. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from playbook.model import Playbook
from topics.signals import Signal

LONGEST = 3000
PLACE = "{id}"


def deal_link(playbook: Playbook, signal: Signal) -> str | None:
    """The address of the deal in the CRM. None where the playbook has no address or the id cannot be part of one."""
    return deal_url(playbook.crm_url, signal.deal_id)


def deal_url(template: str | None, deal_id: str) -> str | None:
    """The same of a deal's id, under the playbook's `crm_url`."""
    if template is None or not deal_id or not deal_id.strip("."):
        return None
    identity = quote(deal_id, safe="", errors="replace")
    url = template.replace(PLACE, identity) if PLACE in template else f"{template.rstrip('/')}/{identity}"
    return url if len(url) <= LONGEST and _same_place(template, url) else None


def _same_place(template: str, url: str) -> bool:
    """The host stands in the playbook, whatever the id is; nobody's name stands before it."""
    wanted, got = urlsplit(template), urlsplit(url)
    return got.scheme == "https" and got.netloc == wanted.netloc != "" and "@" not in got.netloc
