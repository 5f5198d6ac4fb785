"""Messages a second by kind, and what else is counted."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from p9.tail.kinds import KINDS
from p9.tail.text import Piece, about, counted, joined

MAX_KINDS = 64
OTHER = "other"
STEP_S = 1.0


@dataclass(slots=True)
class Counts:
    holes: int = 0
    missing: int = 0
    repeated: int = 0
    unreadable: int = 0
    lost: int = 0
    """Times that Redis was lost."""

    def pieces(self) -> list[Piece]:
        found = (
            (self.holes, f"{counted(self.holes, 'hole')} ({self.missing} missing)", "warn"),
            (self.unreadable, f"{self.unreadable} unreadable", "alarm"),
            (self.repeated, f"{self.repeated} repeated", "dim"),
            (self.lost, f"Redis lost {self.lost}×", "warn"),
        )
        return [Piece(text, style) for count, text, style in found if count]


class Rates:
    """Over the last `window_s`, from totals kept each second."""

    def __init__(self, now_s: float, window_s: float) -> None:
        self.total: Counter[str] = Counter()
        self._began_s = now_s
        self._marks: deque[tuple[float, Counter[str]]] = deque(maxlen=round(window_s / STEP_S))
        self._marks.append((now_s, Counter()))

    def add(self, kind: str) -> str:
        """The name that it is counted under."""
        if kind not in self.total and len(self.total) >= MAX_KINDS:
            kind = OTHER
        self.total[kind] += 1
        return kind

    def per_s(self, now_s: float) -> dict[str, float]:
        """Of every kind that came at all, in the order of the table of kinds."""
        then_s, then = self._marks[0]
        took_s = max(now_s - then_s, STEP_S / 2)
        if now_s - self._marks[-1][0] >= STEP_S:
            self._marks.append((now_s, self.total.copy()))
        return {kind: (self.total[kind] - then[kind]) / took_s for kind in _ordered(self.total)}

    def pieces(self, now_s: float) -> list[Piece]:
        rates = self.per_s(now_s)
        rows = [[Piece(kind, "dim"), Piece(_rate(rate))] for kind, rate in rates.items()]
        return [Piece(f"{_rate(sum(rates.values()))}/s", "bold"), *joined(rows, "·")]

    def totals(self, now_s: float) -> str:
        """What was seen in all, for the end."""
        each = ", ".join(f"{kind} {self.total[kind]}" for kind in _ordered(self.total))
        text = f"{counted(self.total.total(), 'message')} in {now_s - self._began_s:.0f} s"
        return f"{text}: {each}" if each else text


def _ordered(kinds: Counter[str]) -> list[str]:
    known = [kind for kind in KINDS if kind in kinds]
    return known + [kind for kind in kinds if kind not in KINDS]


def _rate(rate: float) -> str:
    return f"{rate:.0f}" if 10 <= rate < 10_000 else f"{rate:.1f}" if rate < 10 else about(rate)
