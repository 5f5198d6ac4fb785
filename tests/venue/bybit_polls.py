"""REST of Bybit v5 that is polled: tickers, funding, open interest, ratios, insurance, candles."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .bybit_reports import FRAMES, BybitReports
from .desk import Desk
from .history import bar_start, number, period_ends, period_ms, ratio_of, window
from .insurance import amount_text, funds, insurance_log
from .reference import INTEREST_MS
from .reports import signed_text
from .rest import Row, json_reply, note

if TYPE_CHECKING:
    from .server import LocalVenue

CATEGORIES = ("spot", "linear")
SPOT_TICKER = (
    "symbol",
    "bid1Price",
    "bid1Size",
    "ask1Price",
    "ask1Size",
    "lastPrice",
    "prevPrice24h",
    "price24hPcnt",
    "highPrice24h",
    "lowPrice24h",
    "turnover24h",
    "volume24h",
    "usdIndexPrice",
)


def envelope(code: int, text: str, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "retCode": code,
        "retMsg": text,
        "result": result,
        "retExtInfo": {},
        "time": time.time_ns() // 1_000_000,
    }


def unknown(text: str) -> web.Response:
    return json_reply(envelope(10001, text, {}))


class BybitPolls:
    def __init__(self, hub: LocalVenue) -> None:
        self.hub = hub

    def _good(self, result: dict[str, Any]) -> web.Response:
        return json_reply({**envelope(0, "OK", result), "time": self.hub.now_ms()})

    def _desks(self, request: web.Request, *, needed: bool = True) -> list[Desk] | web.Response:
        market, symbol = request.query.get("category", ""), request.query.get("symbol", "")
        if market not in CATEGORIES:
            return unknown("params error: Category is invalid")
        feeds = self.hub.rooms[f"bybit:{market}"].feeds
        if not symbol and not needed:
            return [feed for feed in feeds.values() if isinstance(feed, Desk)]
        feed = feeds.get(symbol)
        return [feed] if isinstance(feed, Desk) else unknown("params error: symbol invalid")

    def _one(self, request: web.Request, *, spot: bool = False) -> BybitReports | web.Response:
        desks = self._desks(request)
        if isinstance(desks, web.Response):
            return desks
        if desks[0].inst.market == "spot" and not spot:
            return unknown("params error: Category is invalid")
        return of(desks[0])

    async def tickers(self, request: web.Request) -> web.Response:
        desks = self._desks(request, needed=False)
        if isinstance(desks, web.Response):
            return desks
        rows: list[Row] = []
        for desk in desks:
            reports = of(desk)
            now_ms = reports.now()
            if reports.spot:
                (bid, bid_lots), (ask, ask_lots) = desk.tops()
                values = reports.spot_values()
                values |= {"bid1Price": desk.price_text(bid), "bid1Size": desk.qty_text(bid_lots)}
                values |= {"ask1Price": desk.price_text(ask), "ask1Size": desk.qty_text(ask_lots)}
                values = {key: values[key] for key in SPOT_TICKER}
            else:
                values = reports.linear_values()
                values |= {"deliveryTime": str(desk.inst.ends_ms)}
                values.setdefault("basis", "")
            rows.append(values)
            for kind, told in reports.kinds(values):
                note(request, desk.log, kind, now_ms, told)
        return self._good({"category": request.query["category"], "list": rows})

    async def account_ratio(self, request: web.Request) -> web.Response:
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        try:
            step = period_ms(request.query.get("period", ""))
        except (KeyError, ValueError):
            return unknown("params error: period")
        ref, log = reports.reference, reports.desk.log
        rows: list[Row] = []
        ends, cursor = self._page(request, step, 500)
        for ms in ends:
            _, long_share, short_share = ratio_of(ref, step, ms)
            told = {"buyRatio": long_share, "sellRatio": short_share}
            rows.append({"symbol": reports.desk.inst.venue_id, **told, "timestamp": str(ms)})
            note(request, log, "long_short", ms, told)
        return self._good({"list": rows, "nextPageCursor": cursor})

    def _page(self, request: web.Request, step_ms: int, most: int) -> tuple[list[int], str]:
        """Ends of periods, newest first, and the cursor of those before: in hex, the time."""
        query = request.query
        start, end = number(query, "startTime", 0), number(query, "endTime", 0)
        limit = max(1, min(number(query, "limit", 50), most))
        if query.get("cursor"):
            end = int(query["cursor"], 16)
        ends = period_ends(step_ms, self.hub.now_ms(), start, end, limit)
        more = len(ends) == limit and ends[0] - step_ms >= start
        return ends[::-1], f"{ends[0] - step_ms:x}" if more else ""

    async def insurance(self, request: web.Request) -> web.Response:
        coin, now_ms = request.query.get("coin", ""), self.hub.now_ms()
        log, rows, newest = insurance_log(self.hub, "bybit"), [], 0
        for fund in funds(self.hub, "bybit"):
            if coin not in ("", fund.coin):
                continue
            then, balance = fund.pool.at(now_ms)
            newest = max(newest, then)
            amount = amount_text(balance)
            row = {"coin": fund.coin, "symbols": ",".join(fund.symbols), "balance": amount}
            rows.append({**row, "value": amount})
            note(request, log, "insurance", then, row)
        return self._good({"updatedTime": str(newest), "list": rows})

    async def open_interest(self, request: web.Request) -> web.Response:
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        try:
            step = period_ms(request.query.get("intervalTime", ""))
        except (KeyError, ValueError):
            return unknown("params error: intervalTime")
        reports.now()
        rows: list[Row] = []
        ends, cursor = self._page(request, step, 200)
        for ms in ends:
            lots = reports.reference.past_interest(ms // INTEREST_MS * INTEREST_MS)
            told = {
                "openInterest": reports.qty_text(2 * lots),
                "singleOpenInterest": reports.qty_text(lots),
            }
            rows.append({**told, "timestamp": str(ms)})
            note(request, reports.desk.log, "open_interest", ms, told)
        head = {"category": "linear", "symbol": reports.desk.inst.venue_id}
        return self._good({**head, "list": rows, "nextPageCursor": cursor})

    async def klines(self, request: web.Request) -> web.Response:
        reports = self._one(request, spot=True)
        if isinstance(reports, web.Response):
            return reports
        frame = FRAMES.get(request.query.get("interval", ""))
        if frame is None:
            return unknown("params error: interval")
        start, end = (number(request.query, key, 0) for key in ("start", "end"))
        limit = min(number(request.query, "limit", 200), 1000)
        rows: list[list[str]] = []
        for bar, _ in window(reports.bars(frame), bar_start, start, end, limit)[::-1]:
            v = reports.bar_values(bar)
            keys = ("open", "high", "low", "close", "volume", "turnover")
            rows.append([str(bar.start), *(v[key] for key in keys)])
        inst = reports.desk.inst
        return self._good({"category": inst.market, "symbol": inst.venue_id, "list": rows})

    async def fundings(self, request: web.Request) -> web.Response:
        reports = self._one(request)
        if isinstance(reports, web.Response):
            return reports
        start, end = (number(request.query, key, 0) for key in ("startTime", "endTime"))
        if start and not end:
            return unknown("Time is invalid")
        limit = min(number(request.query, "limit", 200), 200)
        inst, now_ms = reports.desk.inst, self.hub.now_ms()
        past = reports.reference.fundings(start, min(end or now_ms, now_ms), limit)
        rows = [
            {
                "symbol": inst.venue_id,
                "fundingRate": signed_text(rate // 10**8, 8, short=True),
                "fundingRateTimestamp": str(ms),
            }
            for ms, rate in past
        ]
        return self._good({"category": inst.market, "list": [] if inst.expiry else rows})


def of(desk: Desk) -> BybitReports:
    assert isinstance(desk.reports, BybitReports)
    return desk.reports


def poll_routes(hub: LocalVenue) -> list[web.RouteDef]:
    polls = BybitPolls(hub)
    return [
        web.get("/v5/market/tickers", polls.tickers),
        web.get("/v5/market/account-ratio", polls.account_ratio),
        web.get("/v5/market/insurance", polls.insurance),
        web.get("/v5/market/open-interest", polls.open_interest),
        web.get("/v5/market/kline", polls.klines),
        web.get("/v5/market/funding/history", polls.fundings),
    ]
