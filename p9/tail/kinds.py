"""How each kind of message is written: one table. A writer gives the cells of a line, the
essential ones first, since a narrow screen cuts the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from p9.tail.message import Message
from p9.tail.text import Piece, about, clock_time, joined
from p9.tail.values import MAX_ITEMS, NOTHING, more, number, pairs, percent, show

MAX_LEVELS = 5
_SIDES = {"buy": "good", "sell": "bad"}

Writer = Callable[[Message], list[Piece]]


class Kind(NamedTuple):
    label: str
    style: str
    cells: Writer


def _right(value: object, style: str = "") -> Piece:
    return Piece(show(value), style, right=True)


def _named(name: str, value: object, style: str = "") -> list[Piece]:
    return [Piece(name, "dim"), Piece(show(value), style)]


def _price_and_qty(fields: Mapping[str, Any], style: str) -> list[Piece]:
    return [_right(fields.get("price"), style), Piece("×", "dim"), _right(fields.get("qty"))]


def _sign(value: object) -> str:
    of = number(value)
    return "" if not of else "good" if of > 0 else "bad"


# --- the feeds -----------------------------------------------------------------------------


def _trade(message: Message) -> list[Piece]:
    m = message.fields
    style = _SIDES.get(m.get("side", ""), "warn")
    out = [Piece(show(m.get("side")), style), *_price_and_qty(m, style)]
    price, qty = number(m.get("price")), number(m.get("qty"))
    if price is not None and qty is not None:
        out.append(Piece(f"≈ {about(price * qty)}", "dim"))
    if flags := m.get("flags"):
        out.append(Piece(" ".join(map(show, flags)), "warn"))
    if m.get("count") not in ("1", None):
        out.append(Piece(f"{show(m['count'])} fills", "dim"))
    if "organic_qty" in m and m["organic_qty"] != m.get("qty"):
        out += _named("organic", m["organic_qty"])
    return out


def _bbo(message: Message) -> list[Piece]:
    m = message.fields
    out = [_right(m.get("bid"), "good"), Piece("×", "dim"), Piece(show(m.get("ask")), "bad")]
    bid, ask = number(m.get("bid")), number(m.get("ask"))
    if bid is not None and ask is not None and bid + ask > 0:
        bps = (ask - bid) / (bid + ask) * 2e4
        text = f"{bps:.3f} bps" if abs(bps) < 0.1 else f"{bps:.2f} bps"
        out.append(Piece(text, "dim" if bps > 0 else "alarm", right=True))
    else:
        out.append(Piece("one side", "warn"))
    return [*out, _right(m.get("bid_qty")), Piece("×", "dim"), Piece(show(m.get("ask_qty")))]


def _level(level: Any) -> str:
    price, qty = level
    return f"{show(price)} gone" if number(qty) == 0 else f"{show(price)}×{show(qty)}"


def _depth(message: Message) -> list[Piece]:
    m = message.fields
    if m.get("invalid"):
        return [Piece(f"INVALID {show(m.get('reason'))}: no book until the next snapshot", "alarm")]
    bids, asks = m["bids"], m["asks"]
    counts = f"{len(bids)}+{len(asks)}"
    if m.get("snapshot"):
        return [Piece(f"snapshot {counts} levels", "bold"), *_best(bids, asks)]
    return [Piece(counts, "dim", right=True), *_best(bids, asks)]


def _best(bids: list[Any], asks: list[Any]) -> list[Piece]:
    """The best level of each side, whatever their order."""
    bid = max(bids, key=_price_of) if bids else None
    ask = min(asks, key=_price_of) if asks else None
    return _pair(bid, ask)


def _price_of(level: Any) -> float:
    return float(level[0])


def _pair(bid: Any, ask: Any) -> list[Piece]:
    left, right = (NOTHING if level is None else _level(level) for level in (bid, ask))
    return [Piece(left, "good", right=True), Piece("|", "dim"), Piece(right, "bad")]


def _snapshot(message: Message) -> list[Piece]:
    m = message.fields
    ranks = islice(zip_longest(m["bids"], m["asks"]), MAX_LEVELS)
    out = joined([_pair(bid, ask) for bid, ask in ranks], "·")
    return [*out, Piece(f"of {show(m.get('levels'))} levels", "dim")]


def _block_trade(message: Message) -> list[Piece]:
    m = message.fields
    style = _SIDES.get(m.get("side", ""), "warn")
    out = [Piece(show(m.get("side")), style), *_price_and_qty(m, style)]
    return [*out, Piece(f"= {show(m.get('notional'))}", "bold"), *_named("by", m.get("reason"))]


def _liquidation(message: Message) -> list[Piece]:
    m = message.fields
    whose = {"sell": "long", "buy": "short"}.get(m.get("side", ""), show(m.get("side")))
    style = _SIDES.get(m.get("side", ""), "warn")
    out = [Piece(whose, style), *_price_and_qty(m, style)]
    out += [Piece(f"= {show(m.get('notional'))}", "bold"), *_named("at", m.get("price_kind"))]
    return [*out, Piece("sampled", "warn")] if m.get("complete") is False else out


def _funding(message: Message) -> list[Piece]:
    m = message.fields
    out = [_right_percent(m.get("rate"))]
    if m.get("interval_hours") is not None:
        out += [Piece(f"per {show(m['interval_hours'])} h", "dim")]
    if (next_ns := message.time_ns("next_funding")) is not None:
        left = next_ns - message.received_ns
        time = clock_time(left)
        out.append(Piece(f"next in {time}" if left >= 0 else f"due {time} ago"))
    if m.get("predicted") is not None:
        out += [Piece("predicted", "dim"), _right_percent(m["predicted"])]
    return out


def _right_percent(value: object) -> Piece:
    return Piece(percent(value), _sign(value), right=True)


def _price(message: Message) -> list[Piece]:
    return [_right(message.fields.get("price"), "bold")]


def _open_interest(message: Message) -> list[Piece]:
    m = message.fields
    derived = m.get("derived") or []
    out = []
    for name in ("base", "contracts", "notional"):
        mark = "≈" if name in derived else ""
        out += [Piece(f"{mark}{show(m.get(name))}", "", right=True), Piece(name, "dim")]
    return out


def _insurance_fund(message: Message) -> list[Piece]:
    balances = message.fields["balances"]
    rows = []
    for row in balances[:MAX_ITEMS]:
        pool = row.get("pool")
        rows.append([Piece(show(row.get("asset")), "bold"), _right(row.get("amount"))])
        rows[-1] += [Piece(show(pool), "dim")] if pool is not None else []
    out = joined(rows, "·")
    return [*out, *(Piece(text, "dim") for text in more(balances))]


def _imbalance(message: Message) -> list[Piece]:
    m = message.fields
    levels, value = m.get("levels"), m.get("value")
    if isinstance(value, Mapping):
        levels, value = list(value), list(value.values())
    if not isinstance(value, list):
        levels, value = [levels], [value]
    out = []
    for count, one in islice(zip(levels or (), value, strict=False), MAX_ITEMS):
        plus = "+" if _sign(one) == "good" else ""
        text = Piece(plus + show(one), _sign(one), right=True)
        out += [Piece(f"top {show(count)}", "dim"), text]
    return [*out, *_named("microprice", m.get("microprice"))]


def _candles(message: Message) -> list[Piece]:
    m = message.fields
    opened, close = number(m.get("open")), number(m.get("close"))
    style = "" if opened is None or close is None else "good" if close >= opened else "bad"
    state = Piece("closed", "bold") if m.get("closed") else Piece("running", "dim")
    out = [_right(m.get("timeframe"), "bold"), state, _right(m.get("close"), style)]
    for name in ("open", "high", "low"):
        out += [Piece(name, "dim"), _right(m.get(name))]
    for name, key in (("vol", "volume"), ("delta", "delta"), ("trades", "trades"), ("vwap",) * 2):
        shown = _right(m.get(key), _sign(m.get(key)) if key == "delta" else "")
        out += [Piece(name, "dim"), shown]
    return (
        [*out, Piece(f"rev {show(m['rev'])}", "warn")] if m.get("rev") not in ("0", None) else out
    )


def _ticker(message: Message) -> list[Piece]:
    m = message.fields
    change = m.get("change_pct")
    plus = "+" if _sign(change) == "good" else ""
    out = [_right(m.get("last"), "bold")]
    out.append(Piece(f"{plus}{percent(change)}", _sign(change), right=True))
    for name, key in (("low",) * 2, ("high",) * 2, ("vol", "volume"), ("quote", "quote_volume")):
        out += [Piece(name, "dim"), _right(m.get(key))]
    return out


def _long_short(message: Message) -> list[Piece]:
    m = message.fields
    out = [_right(m.get("ratio"), "bold")]
    out += [*_named("long", m.get("long_account"), "good")]
    out += [*_named("short", m.get("short_account"), "bad")]
    return [*out, *_named("of", m["period"])] if m.get("period") is not None else out


# --- operations ----------------------------------------------------------------------------


def _status(message: Message) -> list[Piece]:
    m = message.fields
    state = show(m.get("state"))
    style = "good" if state.upper() == "LIVE" else "alarm"
    out = [Piece(show(m.get("feed")), "bold"), Piece(state, style)]
    if m.get("reason") is not None:
        out.append(Piece(show(m["reason"]), "warn"))
    return out + pairs(m, ("feed", "state", "reason"))


def _alert(message: Message) -> list[Piece]:
    m = message.fields
    name = show(message.channel.partition(":")[2]) or "alert"
    if not name.startswith("gap"):
        return [Piece(name, "alarm"), *pairs(m)]
    first, last = m.get("first_id"), m.get("last_id")
    out = [Piece(name, "good" if m.get("filled") else "alarm"), Piece(show(m.get("feed")), "bold")]
    out.append(Piece(f"ids {show(first)} .. {show(last)} missing"))
    out.append(Piece("filled", "good") if m.get("filled") else Piece("not filled", "warn"))
    return out + pairs(m, ("feed", "first_id", "last_id", "filled", "t0", "t1"))


def generic(message: Message) -> list[Piece]:
    return pairs(message.fields)


KINDS: dict[str, Kind] = {
    "trade": Kind("trade", "cyan", _trade),
    "bbo": Kind("bbo", "blue", _bbo),
    "depth": Kind("depth", "violet", _depth),
    "snapshot": Kind("snap", "violet", _snapshot),
    "block_trade": Kind("block", "cyan", _block_trade),
    "liquidation": Kind("liq", "red", _liquidation),
    "funding": Kind("fund", "yellow", _funding),
    "mark_price": Kind("mark", "white", _price),
    "index_price": Kind("index", "white", _price),
    "open_interest": Kind("oi", "yellow", _open_interest),
    "insurance_fund": Kind("insur", "yellow", _insurance_fund),
    "imbalance": Kind("imbal", "violet", _imbalance),
    "candles": Kind("candle", "green", _candles),
    "ticker": Kind("ticker", "green", _ticker),
    "long_short": Kind("ratio", "yellow", _long_short),
    "status": Kind("status", "bold", _status),
    "alert": Kind("ALERT", "alarm", _alert),
}


def cells_of(message: Message) -> list[Piece]:
    """The cells of a message. One that has not the shape of its kind is shown as key=value."""
    kind = KINDS.get(message.kind)
    if kind is None:
        return generic(message)
    try:
        return kind.cells(message)
    except Exception:  # whatever a foreign message holds, it must not end the view
        return generic(message)
