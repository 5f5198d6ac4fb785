"""What a value of several parts may be: lists without repetitions, and amounts by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from p9.config import symbol
from p9.config.checks import NUMBER, Bad, Check, Choice, Int
from p9.config.errors import Report
from p9.config.source import Items, Refused, Scalar, Table, Tree, show, show_key

MAX_SYMBOLS = 5000
_NAME = re.compile(r"[^\s:/*?\[\]{}\x00-\x1f\x7f]{1,64}")


class _List(Check):
    """A list without repetitions; `value` checks one item."""

    min_items = 0
    max_items = 100

    def read(self, tree: Tree, key: str, report: Report) -> tuple[object, ...]:
        if isinstance(tree, Refused):
            raise Bad
        if not isinstance(tree, Items):
            report.add(key, tree.line, f"found {tree.shown()}; allowed: a list of {self.allowed}")
            raise Bad
        if len(tree.items) > self.max_items:
            report.add(key, tree.line, f"more than {self.max_items} entries")
            raise Bad
        if len(tree.items) < self.min_items:
            report.add(key, tree.line, f"empty; allowed: one or more of {self.allowed}")
            raise Bad
        seen: dict[object, int] = {}
        good = True
        for i, item in enumerate(tree.items):
            try:
                value = super().read(item, f"{key}[{i}]", report)
            except Bad:
                good = False
                continue
            assert isinstance(item, Scalar)
            if value in seen:
                report.add(
                    f"{key}[{i}]",
                    item.line,
                    f"{item.shown()} given twice, first on line {seen[value]}",
                )
                good = False
            seen.setdefault(value, item.line)
        if not good:
            raise Bad
        return tuple(seen)


class Symbols(_List):
    allowed = f"symbols {symbol.SYNTAX}"
    max_items = MAX_SYMBOLS

    def value(self, scalar: Scalar) -> str:
        if not symbol.is_symbol(scalar.text) or (scalar.kind != "text" and not scalar.substituted):
            guess = None if scalar.variables else symbol.nearest(scalar.text)
            raise ValueError(f"did you mean {show(guess)}?" if guess else "")
        return scalar.text


class Names(_List):
    def __init__(self, *names: str, least: int = 0) -> None:
        self._choice = Choice(*names)
        self.names = names
        self.allowed = self._choice.allowed
        self.min_items = least

    def value(self, scalar: Scalar) -> str:
        return self._choice.value(scalar)


class Levels(_List):
    """Rising numbers of book levels, in whatever order they are given."""

    min_items = 1

    def __init__(self, high: int, max_items: int) -> None:
        self._one = Int(1, high)
        self.low, self.high, self.max_items = 1, high, max_items
        self.allowed = f"up to {max_items}, each a {self._one.allowed}"

    def read(self, tree: Tree, key: str, report: Report) -> tuple[object, ...]:
        return tuple(sorted(super().read(tree, key, report)))  # type: ignore[type-var]

    def value(self, scalar: Scalar) -> int:
        return self._one.value(scalar)


class Amounts(Check):
    """Name -> amount as exact text. A name that is left out keeps what it has in `base`."""

    max_items = 5000

    def __init__(self, base: Mapping[str, str], low: int, high: int) -> None:
        self._base = base
        self.low, self.high = low, high
        self.default = tuple(base.items())
        self.allowed = f"number {low}..{high}"

    def read(self, tree: Tree, key: str, report: Report) -> tuple[tuple[str, str], ...]:
        if isinstance(tree, Refused):
            raise Bad
        if not isinstance(tree, Table) or len(tree.entries) > self.max_items:
            found = tree.shown() if not isinstance(tree, Table) else f"{len(tree.entries)} names"
            said = f"found {found}; allowed: up to {self.max_items} of NAME: {self.allowed}"
            report.add(key, tree.line, said)
            raise Bad
        amounts, good = dict(self._base), True
        for name, (line, value) in tree.entries.items():
            try:
                if not _NAME.fullmatch(name) or (name != name.upper() and name not in self._base):
                    said = "unknown name; allowed: default, or an asset in upper case"
                    report.add(f"{key}.{show_key(name)}", line, said)
                    raise Bad
                amounts[name] = str(super().read(value, f"{key}.{name}", report))
            except Bad:
                good = False
        if not good:
            raise Bad
        return tuple(amounts.items())

    def value(self, scalar: Scalar) -> str:
        if scalar.quoted or not NUMBER.fullmatch(scalar.text):
            raise ValueError
        amount = Decimal(scalar.text.replace("_", ""))
        if not self.low <= amount <= self.high:
            raise ValueError
        return f"{amount.normalize():f}"
