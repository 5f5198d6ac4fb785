"""Unified names: built from an instrument's fields, the same way for every venue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

import simdjson

from .instrument import Instrument, Listing

PERP, XPERP = "-PERP", "-XPERP"

# Multiplied contracts: 1000PEPE, 10000SATS, 1000000MOG, SHIB1000, 1MBABYDOGE. Three zeros at
# least, so that 1INCH, 4, C98 or USD1 stay what they are; two characters of name at least.
_PREFIX = re.compile(r"(10{3,8})([^\W\d]\w+)$")
_MILLION = re.compile(r"1M([A-Z]{4,})$")
_SUFFIX = re.compile(r"([^\W\d]+)(10{3,8})$")
_CONTRACT_DIGITS = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?$")
_FORBIDDEN = re.compile(r"[:/\s\x00-\x1f\x7f]")


class Skip(Exception):
    """This row is not taken; the text says why."""


def multiplied(base: str) -> tuple[str, int]:
    """(underlying, multiplier) of a base asset's name."""
    if match := _PREFIX.match(base):
        return match[2], int(match[1])
    if match := _MILLION.match(base):
        return match[1], 1_000_000
    if match := _SUFFIX.match(base):
        return match[1], int(match[2])
    return base, 1


def dated(expiry_ms: int) -> str:
    """The -YYMMDD of a delivery time (UTC)."""
    try:
        return datetime.fromtimestamp(expiry_ms / 1000, UTC).strftime("-%y%m%d")
    except (OverflowError, ValueError, OSError) as error:
        raise Skip("bad_expiry") from error


def unified(base: str, quote: str, suffix: str = "", um: bool = False) -> str:
    """`{base}{quote}[_UM]{suffix}`."""
    return f"{base}{quote}{'_UM' if um else ''}{suffix}".upper()


def instrument(
    endpoint: str,
    venue_id: str,
    market: str,
    kind: str,
    pair: tuple[str, str],
    suffix: str = "",
    *,
    um: bool = False,
    **told: Any,
) -> Instrument:
    """An instrument with what follows from its `pair` (base, quote); `told`: its other fields."""
    base, quote = pair
    underlying, multiplier = multiplied(base)
    return Instrument(
        endpoint=endpoint,
        exchange=endpoint.partition(":")[0],
        venue_id=venue_id,
        market=market,
        kind=kind,
        symbol=unified(base, quote, suffix, um),
        base=base,
        quote=quote,
        settle=told.pop("settle", quote),
        underlying=underlying,
        multiplier=multiplier,
        group=unified(underlying, quote, suffix, um),
        **told,
    )


def _check(one: Instrument) -> None:
    """Raises Skip for a name that a channel cannot carry."""
    if not one.base or not one.quote:
        raise Skip("empty_field")
    if len(one.symbol) > 64 or _FORBIDDEN.search(one.symbol):
        raise Skip("bad_name")


def text(row: Mapping[str, Any], key: str, required: bool = True) -> str:
    """A text field; "" where absent. Raises Skip when required and empty, or not a text."""
    value = row.get(key)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Skip(f"bad_{key}")
    if required and not value:
        raise Skip("empty_field")
    return value


def step(value: object, name: str, required: bool = True) -> str | None:
    """Decimal text above zero as the venue writes it; None where the venue does not tell."""
    if value is None or value == "":
        if required:
            raise Skip("empty_field")
        return None
    if not isinstance(value, str) or not _CONTRACT_DIGITS.match(value):
        raise Skip(f"bad_{name}")
    if not Decimal(value):
        raise Skip(f"zero_{name}")
    return value


def product(left: str, right: str) -> str | None:
    """left * right as exact decimal text; None unless both are plain numbers above zero."""
    if not _CONTRACT_DIGITS.match(left) or not _CONTRACT_DIGITS.match(right):
        return None
    with localcontext() as context:
        context.prec = 130
        value = Decimal(left) * Decimal(right)
        if not value:
            return None
        digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def milliseconds(value: object) -> int | None:
    """A time in ms given as number or text; None for nothing, zero or nonsense."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = int(Decimal(value))
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return number if 0 < number < 10**14 else None


def parse_rows(
    rows: Iterable[Any],
    id_key: str,
    read: Callable[[Mapping[str, Any]], Instrument],
    listing: Listing,
) -> Listing:
    """Reads row by row: a bad one is noted with its reason and costs itself only."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        venue_id = "?"
        try:
            if not isinstance(row, (simdjson.Object, dict)):
                raise Skip("not_an_object")
            named = row.get(id_key)
            venue_id = named if isinstance(named, str) else "?"
            one = read(row)
            _check(one)
            key = (one.endpoint, one.venue_id)
            if key in seen:
                raise Skip("duplicate")
            seen.add(key)
            listing.instruments.append(one)
        except Skip as skip:
            listing.skipped.append((venue_id, str(skip)))
        except (ValueError, TypeError, KeyError, AttributeError, UnicodeError):
            # a shape nobody foresaw; the other rows are still good
            listing.skipped.append((venue_id, "malformed"))
    return listing


class BadListing(ValueError):
    """The body as a whole is no listing."""


def document(body: bytes) -> simdjson.Object:
    """The body's object. Raises BadListing."""
    try:
        parsed = simdjson.Parser().parse(body)
    except (ValueError, RuntimeError) as error:
        raise BadListing("not JSON") from error
    if not isinstance(parsed, simdjson.Object):
        raise BadListing("not an object")
    return parsed


def collisions(instruments: Iterable[Instrument]) -> tuple[list[Instrument], list[Instrument]]:
    """(kept, disabled): of two instruments of one exchange with one name the later is disabled."""
    taken: dict[tuple[str, str], Instrument] = {}
    kept: list[Instrument] = []
    disabled: list[Instrument] = []
    for one in instruments:
        first = taken.setdefault((one.exchange, one.symbol), one)
        same = (first.endpoint, first.venue_id) == (one.endpoint, one.venue_id)
        (kept if same else disabled).append(one)
    return kept, disabled
