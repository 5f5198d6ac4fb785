"""REST of OKX v5 that is polled: mark, index, funding, open interest, tickers, candles, ratios."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .desk import Desk
from .history import bar_start, number, period_ends, period_ms, ratio_of
from .insurance import amount_text, funds, insurance_log
from .okx import OkxRoom
from .okx_reports import FRAMES, OkxReports, kind_of
from .reports import signed_text
from .rest import Row, json_reply, note

if TYPE_CHECKING:
    from .server import LocalVenue

KINDS = ("SPOT", "SWAP", "FUTURES")
GONE = "Instrument ID, Instrument ID code, or Spread ID doesn't exist."


def fail(code: str, text: str, status: int = 200) -> web.Response:
    return json_reply({"code": code, "msg": text, "data": []}, status)


def good(data: list[Any]) -> web.Response:
    return json_reply({"code": "0", "msg": "", "data": data})


def empty(parameter: str) -> web.Response:
    return fail("50014", f"Parameter {parameter} can not be empty.", 400)


class OkxPolls:
    def __init__(self, hub: LocalVenue) -> None:
        self.hub = hub
        room = hub.rooms["okx"]
        assert isinstance(room, OkxRoom)
        self.room = room

    def _all(self) -> Iterable[Desk]:
        return [feed for feed in self.room.feeds.values() if isinstance(feed, Desk)]

    def _one(self, request: web.Request) -> OkxReports | web.Response:
        name = request.query.get("instId", "")
        feed = self.room.feeds.get(name)
        if not name:
            return empty("instId")
        return of(feed) if isinstance(feed, Desk) else fail("51001", GONE)

    def _by_kind(self, request: web.Request, kinds: tuple[str, ...]) -> list[Desk] | web.Response:
        query = request.query
        kind = query.get("instType", "")
        if not kind:
            return empty("instType")
        if kind not in (*kinds, "MARGIN", "OPTION"):
            return fail("51000", "Parameter instType error", 400)
        name, family = query.get("instId", ""), query.get("instFamily", "")
        held = [desk for desk in self._all() if kind_of(desk.inst) == kind]
        if name:
            held = [desk for desk in held if desk.inst.venue_id == name]
            if not held:
                return fail("51001", GONE)
        return [desk for desk in held if family in ("", f"{desk.inst.base}-{desk.inst.quote}")]

    def _told(self, request: web.Request, desks: Iterable[Desk], kind: str) -> web.Response:
        """What the channel of that kind would say now, of each."""
        rows: list[Row] = []
        for desk in desks:
            reports = of(desk)
            now_ms = reports.now()
            rows.append(reports.values(kind))
            note(request, desk.log, kind, now_ms, rows[-1])
        return good(rows)

    async def mark_price(self, request: web.Request) -> web.Response:
        desks = self._by_kind(request, KINDS[1:])
        return desks if isinstance(desks, web.Response) else self._told(request, desks, "mark")

    async def open_interest(self, request: web.Request) -> web.Response:
        desks = self._by_kind(request, KINDS[1:])
        if isinstance(desks, web.Response):
            return desks
        return self._told(request, desks, "open_interest")

    async def tickers(self, request: web.Request) -> web.Response:
        desks = self._by_kind(request, KINDS)
        return desks if isinstance(desks, web.Response) else self._told(request, desks, "ticker")

    async def funding_rate(self, request: web.Request) -> web.Response:
        """`ANY`: all swaps."""
        name = request.query.get("instId", "")
        if not name:
            return empty("instId")
        swaps = [desk for desk in self._all() if kind_of(desk.inst) == "SWAP"]
        desks = [desk for desk in swaps if name in ("ANY", desk.inst.venue_id)]
        return self._told(request, desks, "funding") if desks else fail("51001", GONE)

    async def funding_history(self, request: web.Request) -> web.Response:
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        query, now_ms = request.query, self.hub.now_ms()
        after, before = number(query, "after", 0), number(query, "before", 0)
        limit = min(number(query, "limit", 400), 400)
        last = min(after - 1 if after else now_ms, now_ms)
        rows: list[Row] = []
        for ms, rate in reports.reference.fundings(before + 1, last, limit):
            text = signed_text(rate, 16, short=True)
            inst = reports.desk.inst
            row = {"instType": kind_of(inst), "instId": inst.venue_id, "formulaType": "withRate"}
            row |= {"fundingRate": text, "realizedRate": text, "fundingTime": str(ms)}
            rows.append({**row, "method": "current_period"})
        return good(rows)

    async def index_tickers(self, request: web.Request) -> web.Response:
        name, quote = (request.query.get(key, "") for key in ("instId", "quoteCcy"))
        if not name and not quote:
            return fail("50015", "Either parameter quoteCcy or instId is required", 400)
        rows: list[Row] = []
        for index in self.room.indices.values():
            if name in ("", index.inst.venue_id) and quote in ("", index.inst.quote):
                rows.append(index.values())
                note(request, index.log, "index", index.now_ms, rows[-1])
        return good(rows) if rows or not name else fail("51001", GONE)

    async def insurance(self, request: web.Request) -> web.Response:
        """Once a day, at 08:00 UTC."""
        query = request.query
        kind, family = query.get("instType", ""), query.get("instFamily", "")
        if not kind:
            return empty("instType")
        mine = [fund for fund in funds(self.hub, "okx") if family in fund.symbols]
        if kind == "MARGIN" or not mine:
            return fail("51000", "Parameter instFamily error", 400)
        (fund,), now_ms = mine, self.hub.now_ms()
        limit = max(1, min(number(query, "limit", 100), 100))
        details: list[Row] = []
        while len(details) < min(limit, 30):
            then, balance = fund.pool.at(now_ms)
            change = balance - fund.pool.at(then - 1)[1]
            sort = "liquidation_balance_deposit" if change >= 0 else "bankruptcy_loss"
            amounts = {
                "balance": amount_text(balance),
                "amt": signed_text(change, 8, short=True),
            }
            row = {"type": sort, **amounts, "ccy": fund.coin, "ts": str(then)}
            details.append({**row, "adlType": "", "maxBal": "", "maxBalTs": "", "decRate": ""})
            now_ms = then - 1
        newest = details[0]
        log = insurance_log(self.hub, "okx")
        told = {"instFamily": family, "balance": newest["balance"], "ccy": fund.coin}
        note(request, log, "insurance", int(newest["ts"]), told)
        total = {"total": newest["balance"], "instFamily": family, "instType": kind}
        return good([{"details": details, **total}])

    async def account_ratio(self, request: web.Request) -> web.Response:
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        query = request.query
        try:
            step = period_ms(query.get("period", "5m"))
        except (KeyError, ValueError):
            return fail("51000", "Parameter period error", 400)
        begin, end = number(query, "begin", 0), number(query, "end", 0)
        limit = min(number(query, "limit", 100), 100)
        now_ms, start = self.hub.now_ms(), begin + 1 if begin else 0
        rows: list[list[str]] = []
        for ms in period_ends(step, now_ms, start, end - 1 if end else 0, limit)[::-1]:
            rows.append([str(ms), ratio_of(reports.reference, step, ms)[0]])
            note(request, reports.desk.log, "long_short", ms, {"ratio": rows[-1][1]})
        return good(rows)

    async def candles(self, request: web.Request) -> web.Response:
        """Newest first; `after`: older than, `before`: newer than. history-candles: closed ones."""
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        query = request.query
        frame = FRAMES.get(query.get("bar", "1m"))
        if frame is None:
            return fail("51000", "Parameter bar error", 400)
        after, before = number(query, "after", 0), number(query, "before", 0)
        limit = min(number(query, "limit", 100), 300)
        history = request.path.endswith("history-candles")
        held = [
            pair
            for pair in reports.bars(frame)
            if bar_start(pair) > before
            and (not after or bar_start(pair) < after)
            and (pair[1] or not history)
        ]
        return good([reports.row(bar, closed) for bar, closed in held[::-1][:limit]])


def of(desk: Desk) -> OkxReports:
    assert isinstance(desk.reports, OkxReports)
    return desk.reports


def poll_routes(hub: LocalVenue) -> list[web.RouteDef]:
    polls = OkxPolls(hub)
    public, market = "/api/v5/public", "/api/v5/market"
    ratio = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract"
    return [
        web.get(f"{public}/mark-price", polls.mark_price),
        web.get(f"{public}/open-interest", polls.open_interest),
        web.get(f"{public}/funding-rate", polls.funding_rate),
        web.get(f"{public}/funding-rate-history", polls.funding_history),
        web.get(f"{public}/insurance-fund", polls.insurance),
        web.get(f"{market}/index-tickers", polls.index_tickers),
        web.get(f"{market}/tickers", polls.tickers),
        web.get(f"{market}/candles", polls.candles),
        web.get(f"{market}/history-candles", polls.candles),
        web.get(ratio, polls.account_ratio),
    ]
