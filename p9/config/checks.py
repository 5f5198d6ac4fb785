"""What a value may be: one small class per kind. Each names in `allowed` what it takes."""

from __future__ import annotations

import math
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import field
from difflib import get_close_matches
from typing import Any, TypeVar

from p9.config import urls
from p9.config.errors import Report
from p9.config.source import Refused, Scalar, Tree
from p9.secret import Secret

# No leading zeros, no "0x", no "1:30": YAML 1.1 would read them as octal, hex and base 60.
_DIGITS = r"[+-]?(?:0|[1-9][0-9_]{0,24})"
_INT = re.compile(_DIGITS)
NUMBER = re.compile(_DIGITS + r"(?:\.[0-9]{0,24})?(?:[eE][+-]?[0-9]{1,3})?")


class Bad(Exception):
    """The value was refused and reported."""


class Check:
    """Base of all checks: one scalar in, one typed value out."""

    allowed = ""
    secret = False

    def read(self, tree: Tree, key: str, report: Report) -> object:
        """The value; Bad once what is wrong with it is in the report."""
        if isinstance(tree, Refused):
            raise Bad
        found = tree.shown()
        try:
            if not isinstance(tree, Scalar):
                raise ValueError
            return self.value(tree)
        except ValueError as error:
            if self.secret and isinstance(tree, Scalar) and tree.kind != "nothing":
                found = "a value that is not shown"
            remark = f" ({error})" if str(error) else ""
            report.add(key, tree.line, f"found {found}{remark}; allowed: {self.allowed}")
            raise Bad from None

    def value(self, scalar: Scalar) -> object:
        """ValueError, with a remark or empty, where the scalar is not allowed."""
        raise NotImplementedError


T = TypeVar("T")


def key(default: T, check: Check, *, env: str = "") -> T:
    """A field with its check; `env` names the variable a missing key is taken from."""
    row: Any = field(default=default, metadata={"check": check, "env": env})
    return row  # type: ignore[no-any-return]  # dataclass() turns it into the default


class Int(Check):
    def __init__(self, low: int, high: int, note: str = "", *, step: int = 1) -> None:
        self.low, self.high, self.step = low, high, step
        self.allowed = f"whole number {low}..{high}" + (f" ({note})" if note else "")

    def value(self, scalar: Scalar) -> int:
        if scalar.kind != "number" or not _INT.fullmatch(scalar.text):
            raise ValueError
        number = int(scalar.text.replace("_", ""))
        if not self.low <= number <= self.high or number % self.step:
            raise ValueError
        return number


class Number(Check):
    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.allowed = f"number {low:g}..{high:g}"

    def value(self, scalar: Scalar) -> float:
        # YAML 1.1 takes "1e3" for text, so the kind alone does not decide
        if scalar.quoted or not NUMBER.fullmatch(scalar.text):
            raise ValueError
        number = float(scalar.text.replace("_", ""))
        if not math.isfinite(number) or not self.low <= number <= self.high:
            raise ValueError
        return number


class Flag(Check):
    def __init__(self, *, refused: bool | None = None, why: str = "") -> None:
        self.refused, self.why = refused, why
        self.allowed = "true, false" if refused is None else str(not refused).lower()

    def value(self, scalar: Scalar) -> bool:
        if scalar.kind != "flag":
            raise ValueError
        flag = scalar.text.lower() in ("true", "yes", "on")
        if flag == self.refused:
            raise ValueError(self.why)
        return flag


ON_OFF = Flag()


class Choice(Check):
    def __init__(self, *names: str) -> None:
        self.names = names
        self.allowed = ", ".join(names)

    def value(self, scalar: Scalar) -> str:
        if scalar.text not in self.names:
            raise ValueError(did_you_mean(scalar.text, self.names))
        return scalar.text


class Text(Check):
    def __init__(self, accepts: Callable[[str], bool], allowed: str) -> None:
        self._accepts = accepts
        self.allowed = allowed

    def value(self, scalar: Scalar) -> str:
        # "123" without quotes is probably a mistake in the file, but not in the environment
        if scalar.kind != "text" and not scalar.substituted:
            raise ValueError("quote it, if it is meant as text" if scalar.text else "")
        if not self._accepts(scalar.text):
            raise ValueError
        return scalar.text


class Url(Text):
    def __init__(self, *schemes: str) -> None:
        self._schemes = schemes
        forms = " or ".join(f"{scheme}://" for scheme in schemes)
        super().__init__(bool, f"{forms}host[:port][/path]")

    def value(self, scalar: Scalar) -> str:
        return urls.endpoint_url(super().value(scalar), self._schemes)


class RedisUrl(Check):
    secret = True
    allowed = urls.REDIS_FORMS

    def value(self, scalar: Scalar) -> Secret:
        return urls.redis_url(scalar.text)


class SecretText(Check):
    """A key or token: any printable ASCII text, or nothing."""

    secret = True
    allowed = "up to 256 printable characters without blanks, or nothing"

    def value(self, scalar: Scalar) -> Secret:
        if scalar.kind == "nothing":
            return Secret("")
        if not re.fullmatch(r"[!-~]{0,256}", scalar.text):
            raise ValueError
        return Secret(scalar.text)


class CaFile(Check):
    allowed = "path of a readable file of PEM certificates, or null"

    def value(self, scalar: Scalar) -> str | None:
        if scalar.kind == "nothing" or not scalar.text:
            return None
        if not os.path.isfile(scalar.text):
            raise ValueError("no such file")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(scalar.text)
        except OSError:  # ssl.SSLError is one
            raise ValueError("not readable, or no certificate in it") from None
        return scalar.text


def did_you_mean(word: str, names: tuple[str, ...]) -> str:
    """ "did you mean 'x'?", or "" where none of the names is near."""
    near = get_close_matches(word[:64].lower(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
