"""What is wrong with a configuration: one Problem per fault, all of them in one ConfigError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_PROBLEMS = 100
"""More than this many faults are not listed: the file is then something else altogether."""


@dataclass(frozen=True, slots=True)
class Problem:
    key: str
    """Dotted key ("redis.embedded", "symbols[2]"), empty where the whole file is meant."""
    line: int
    """First line is 1; 0 where there is no line (a missing file, a value from outside)."""
    message: str


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has every fault, in the order of the file."""

    def __init__(self, problems: Sequence[Problem], path: str = "") -> None:
        self.problems: list[Problem] = list(problems)
        self.path = path or "configuration"
        super().__init__(self.problems, self.path)

    def __str__(self) -> str:
        return "\n".join(self._line(problem) for problem in self.problems)

    def _line(self, problem: Problem) -> str:
        place = f"{self.path}:{problem.line}" if problem.line else self.path
        return ": ".join(part for part in (place, problem.key, problem.message) if part)


class TooManyProblems(Exception):
    """Ends the reading early, once MAX_PROBLEMS are known."""


class Report:
    """Collects problems while the file is read."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, key: str, line: int, message: str) -> None:
        self._problems.append(Problem(key, line, message))
        if len(self._problems) == MAX_PROBLEMS:
            raise TooManyProblems

    def touches(self, dotted: str) -> bool:
        """True where something is wrong with this key, a part of it, or what holds it."""
        return any(
            not problem.key
            or f"{problem.key}.".startswith((f"{dotted}.", f"{dotted}["))
            or dotted.startswith(f"{problem.key}.")
            for problem in self._problems
        )

    def sorted(self) -> list[Problem]:
        return sorted(self._problems, key=lambda problem: problem.line)

    def __bool__(self) -> bool:
        return bool(self._problems)
