"""REST of Binance that is polled: mark and index, funding, open interest, ratios, candles, 24 h."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .binance_reports import DAY_MS, FRAMES, BinanceReports
from .desk import Desk
from .history import bar_start, number, period_ends, period_ms, ratio_of, window
from .instruments import fixed_text
from .insurance import amount_text, funds, insurance_log
from .reference import Reference, noise
from .reports import signed_text
from .rest import Row, json_reply, note

if TYPE_CHECKING:
    from .server import LocalVenue

EIGHT = fixed_text("0.00000001")
NORMAL_HOURS = 8
DAY_FIELDS = {  # key of the stream -> key of REST, in its order
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
SPOT_ONLY = ("x", "b", "B", "a", "A")


def error(code: int, text: str) -> web.Response:
    return json_reply({"code": code, "msg": text}, 400)


def bad(parameter: str) -> web.Response:
    return error(-1130, f"Data sent for parameter '{parameter}' is not valid.")


def missing(parameter: str) -> web.Response:
    text = f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."
    return error(-1102, text)


class BinancePolls:
    def __init__(self, hub: LocalVenue) -> None:
        self.hub = hub

    def _desks(self, request: web.Request, *, needed: bool = False) -> list[Desk] | web.Response:
        """That of `symbol`, or all of the market."""
        market = "spot" if request.path.startswith("/api/") else "linear"
        feeds = self.hub.rooms[f"binance:{market}"].feeds
        symbol = request.query.get("symbol", "")
        if not symbol:
            if needed:
                return missing("symbol")
            return [feed for feed in feeds.values() if isinstance(feed, Desk)]
        feed = feeds.get(symbol)
        return [feed] if isinstance(feed, Desk) else error(-1121, "Invalid symbol.")

    @staticmethod
    def _reply(request: web.Request, rows: list[Any]) -> web.Response:
        """An object where one symbol was asked for, else a list."""
        return json_reply(rows[0] if request.query.get("symbol") else rows)

    async def premium_index(self, request: web.Request) -> web.Response:
        desks = self._desks(request)
        if isinstance(desks, web.Response):
            return desks
        rows: list[dict[str, Any]] = []
        for desk in desks:
            reports = of(desk)
            now_ms = reports.now()
            v = reports.mark_values(now_ms)
            row = {
                "symbol": desk.inst.venue_id,
                "markPrice": v["p"],
                "indexPrice": v["i"],
                "estimatedSettlePrice": v["P"],
                "lastFundingRate": v["r"],
                "interestRate": "" if desk.inst.expiry else "0.00010000",
                "nextFundingTime": int(v["T"]),
                "time": now_ms,
            }
            rows.append(row)
            told = {key: str(value) for key, value in row.items()}
            for kind, keys in (
                ("mark", ("markPrice",)),
                ("index", ("indexPrice",)),
                ("funding", ("lastFundingRate", "nextFundingTime")),
            ):
                note(request, desk.log, kind, now_ms, {key: told[key] for key in keys})
        return self._reply(request, rows)

    async def open_interest(self, request: web.Request) -> web.Response:
        desks = self._desks(request, needed=True)
        if isinstance(desks, web.Response):
            return desks
        reports = of(desks[0])
        now_ms = reports.now()
        amount = reports.qty_text(reports.reference.interest)
        note(request, desks[0].log, "open_interest", now_ms, {"openInterest": amount})
        symbol = desks[0].inst.venue_id
        return json_reply({"openInterest": amount, "symbol": symbol, "time": now_ms})

    async def funding_info(self, request: web.Request) -> web.Response:
        """Only symbols that were adjusted."""
        desks = self._desks(request)
        assert not isinstance(desks, web.Response)
        return json_reply(
            [
                {
                    "symbol": desk.inst.venue_id,
                    "adjustedFundingRateCap": "0.02000000",
                    "adjustedFundingRateFloor": "-0.02000000",
                    "fundingIntervalHours": desk.reports.reference.hours,
                    "disclaimer": False,
                }
                for desk in desks
                if desk.reports.reference.hours != NORMAL_HOURS and not desk.inst.expiry
            ]
        )

    async def funding_rate(self, request: web.Request) -> web.Response:
        """What was settled, ascending; a settlement comes some ms behind the hour."""
        desks = self._desks(request)
        if isinstance(desks, web.Response):
            return desks
        start, end = (number(request.query, key, 0) for key in ("startTime", "endTime"))
        limit = min(number(request.query, "limit", 100), 1000)
        now_ms = self.hub.now_ms()
        rows: list[dict[str, Any]] = []
        for desk in desks:
            if desk.inst.expiry:
                continue
            ref = desk.reports.reference
            past = ref.fundings(start, min(end or now_ms, now_ms), 1000)[::-1]
            for ms, rate in window(past, lambda pair: pair[0], start, end, limit):
                late = (noise(ref.salt, ms, 4) + 4) % 9
                row = {
                    "symbol": desk.inst.venue_id,
                    "fundingRate": signed_text(rate // 10**8, 8),
                    "fundingTime": ms + late,
                    "markPrice": EIGHT(past_mark(ref, ms)),
                    "rateType": "Regular",
                }
                rows.append(row)
        rows.sort(key=lambda row: row["fundingTime"])
        return json_reply(rows[:limit] if start else rows[-limit:])

    async def account_ratio(self, request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "")
        desks = self._desks(request, needed=True)
        if isinstance(desks, web.Response):
            return desks
        try:
            step = period_ms(request.query.get("period", ""))
        except (KeyError, ValueError):
            return bad("period")
        now_ms, limit = self.hub.now_ms(), min(number(request.query, "limit", 30), 500)
        start, end = (number(request.query, key, 0) for key in ("startTime", "endTime"))
        rows: list[dict[str, Any]] = []
        for ms in period_ends(step, now_ms, start, end, limit):
            ratio, long_share, short_share = ratio_of(desks[0].reports.reference, step, ms)
            told = {"longShortRatio": ratio, "longAccount": long_share, "shortAccount": short_share}
            rows.append({"symbol": symbol, **told, "timestamp": ms})
            note(request, desks[0].log, "long_short", ms, told)
        return json_reply(rows)

    async def insurance(self, request: web.Request) -> web.Response:
        now_ms, log = self.hub.now_ms(), insurance_log(self.hub, "binance")
        groups: list[dict[str, Any]] = []
        for fund in funds(self.hub, "binance"):
            then, balance = fund.pool.at(now_ms)
            amount = amount_text(balance)
            asset = {"asset": fund.coin, "marginBalance": amount, "updateTime": then}
            groups.append({"symbols": fund.symbols, "assets": [asset]})
            told: Row = {"asset": fund.coin, "marginBalance": amount}
            note(request, log, "insurance", then, {"symbols": ",".join(fund.symbols), **told})
        symbol = request.query.get("symbol", "")
        if not symbol:
            return json_reply(groups)
        mine = [group for group in groups if symbol in group["symbols"]]
        return json_reply(mine[0]) if mine else error(-1121, "Invalid symbol.")

    async def klines(self, request: web.Request) -> web.Response:
        desks = self._desks(request, needed=True)
        if isinstance(desks, web.Response):
            return desks
        linear = request.path.startswith("/fapi")
        name = request.query.get("interval", "")
        if name not in FRAMES or (linear and name == "1s"):
            return error(-1120, "Invalid interval.")
        frame, reports = FRAMES[name], of(desks[0])
        start, end = (number(request.query, key, 0) for key in ("startTime", "endTime"))
        limit = min(number(request.query, "limit", 500), 1500 if linear else 1000)
        rows: list[list[Any]] = []
        for bar, _ in window(reports.bars(frame), bar_start, start, end, limit):
            v = reports.bar_values(bar)
            ohlcv = [v[key] for key in "ohlcv"]
            times = frame.end(bar.start) - 1
            rows.append([bar.start, *ohlcv, times, v["q"], bar.count, v["V"], v["Q"], "0"])
        return json_reply(rows)

    async def day(self, request: web.Request) -> web.Response:
        desks = self._desks(request)
        if isinstance(desks, web.Response):
            return desks
        rows: list[dict[str, Any]] = []
        for desk in desks:
            reports = of(desk)
            now_ms, values = reports.now(), reports.ticker_values()
            told = {
                name: values[key]
                for key, name in DAY_FIELDS.items()
                if not reports.linear or key not in SPOT_ONLY
            }
            rows.append({"symbol": desk.inst.venue_id, **told})
            shown = {key: str(value) for key, value in told.items()}
            note(request, desk.log, "ticker", now_ms, shown)
        return self._reply(request, rows)


def of(desk: Desk) -> BinanceReports:
    assert isinstance(desk.reports, BinanceReports)
    return desk.reports


def past_mark(reference: Reference, ms: int) -> int:
    """Near the mark price of the first moment, in 1e-8."""
    return (
        reference.first_mark
        * (10_000 + noise(f"{reference.salt}:past", ms // DAY_MS, 200))
        // 10_000
    )


def poll_routes(hub: LocalVenue) -> list[web.RouteDef]:
    polls = BinancePolls(hub)
    return [
        web.get("/fapi/v1/premiumIndex", polls.premium_index),
        web.get("/fapi/v1/openInterest", polls.open_interest),
        web.get("/fapi/v1/fundingInfo", polls.funding_info),
        web.get("/fapi/v1/fundingRate", polls.funding_rate),
        web.get("/futures/data/globalLongShortAccountRatio", polls.account_ratio),
        web.get("/fapi/v1/insuranceBalance", polls.insurance),
        web.get("/fapi/v1/klines", polls.klines),
        web.get("/api/v3/klines", polls.klines),
        web.get("/fapi/v1/ticker/24hr", polls.day),
        web.get("/api/v3/ticker/24hr", polls.day),
    ]
