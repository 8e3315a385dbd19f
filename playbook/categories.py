"""Forecast categories: how strong each is."""

from __future__ import annotations

from collections.abc import Iterable

from playbook.kinds import Category


class Categories:
    """The categories of a playbook by their strength, however a CRM writes them."""

    def __init__(self, numbers: Category) -> None:
        self._ranks = {_plain(name): rank for rank, name in enumerate(numbers.order)}
        self._commits = frozenset(map(_plain, numbers.commit))

    def rank(self, name: str) -> int | None:
        """How strong a category is; None for one that the playbook does not order."""
        return self._ranks.get(_plain(name))

    def strongest(self, names: Iterable[str]) -> int | None:
        """The rank of the strongest of some; None without any."""
        return max((rank for name in names if (rank := self.rank(name)) is not None), default=None)

    def commits(self, name: str) -> bool:
        """Whether it is a commitment, which needs a valid next step."""
        return _plain(name) in self._commits


def _plain(name: str) -> str:
    """`Best Case`, `BestCase` and `BEST_CASE` are one."""
    return "".join(filter(str.isalnum, name)).casefold()
