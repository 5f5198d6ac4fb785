"""Request weights of Binance REST: what an answer costs, and who asked too much."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from .options import Options
from .rest import Meter, html_reply, json_reply

LINEAR_LIMITS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}  # limit -> weight
SPOT_LIMITS = ((100, 5), (500, 25), (1000, 50), (5000, 250))  # up to -> weight
WEIGHTS = {
    "/api/v3/exchangeInfo": 20,
    "/api/v3/trades": 25,
    "/api/v3/historicalTrades": 25,
    "/fapi/v1/aggTrades": 20,
    "/api/v3/klines": 2,
}
WEIGHTS_OF_ALL = {  # (with `symbol`, without)
    "/fapi/v1/premiumIndex": (1, 10),
    "/fapi/v1/ticker/24hr": (1, 40),
    "/api/v3/ticker/24hr": (2, 80),
}
KLINE_LIMITS = ((99, 1), (499, 2), (1000, 5))  # USD-M: up to -> weight, more: 10
# budgets of their own: requests in five windows
OWN = {
    "/fapi/v1/fundingRate": "funding",
    "/fapi/v1/fundingInfo": "funding",
    "/futures/data/": "data",
}
BAN_AFTER = 3  # requests in spite of a 429, then 418


def weight_of(request: web.Request) -> int:
    """What a request costs before it is answered."""
    path = request.path
    if path in WEIGHTS_OF_ALL:
        return WEIGHTS_OF_ALL[path]["symbol" not in request.query]
    if path == "/fapi/v1/klines":
        text = request.query.get("limit", "500")
        limit = int(text) if text.isdigit() else 1
        return next((weight for most, weight in KLINE_LIMITS if limit <= most), 10)
    if not path.endswith("/depth"):
        return WEIGHTS.get(path, 1)
    try:
        limit = int(request.query.get("limit", "100" if path.startswith("/api") else "500"))
    except ValueError:
        return 1
    if path.startswith("/fapi"):
        return LINEAR_LIMITS.get(limit, 1)
    return next((weight for most, weight in SPOT_LIMITS if limit <= most), 250)


class BinanceMeter(Meter):
    """Request weight in fixed windows, one budget for spot and one for futures; funding history
    and `/futures/data` count requests apart, in windows five times as long."""

    def __init__(self, options: Options) -> None:
        limits = options.limits
        self._limits = {
            "spot": limits.spot_weight,
            "linear": limits.linear_weight,
            "funding": limits.funding_requests,
            "data": limits.data_requests,
        }
        self._window_s = options.timing.weight_window_s
        self._ban_s = options.timing.ban_s
        self._windows = dict.fromkeys(self._limits, 0)
        self.used = dict.fromkeys(self._limits, 0)
        self._refused = dict.fromkeys(self._limits, 0)
        self._banned_until = 0.0

    def _pool(self, request: web.Request) -> str:
        path = request.path
        own = next((pool for prefix, pool in OWN.items() if path.startswith(prefix)), "")
        return own or ("linear" if path.startswith("/fapi") else "spot")

    def refusal(self, request: web.Request) -> web.Response | None:
        now, pool = time.time(), self._pool(request)
        span = self._window_s * (5 if pool in ("funding", "data") else 1)
        window = int(now / span)
        if window != self._windows[pool]:
            self._windows[pool] = window
            self.used[pool] = self._refused[pool] = 0
        if now < self._banned_until:
            return self.spoilt(418, self._banned_until - now)
        self.used[pool] += weight_of(request)
        if not self._limits[pool] or self.used[pool] <= self._limits[pool]:
            return None
        self._refused[pool] += 1
        if self._refused[pool] > BAN_AFTER:
            self._banned_until = now + self._ban_s
            return self.spoilt(418, self._ban_s)
        return self.spoilt(429, (window + 1) * span - now)

    def headers(self, request: web.Request) -> dict[str, str]:
        pool = self._pool(request)
        if pool == "data":  # not of the hosts that count weight
            return {}
        shown = "linear" if pool == "funding" else pool
        return {"X-MBX-USED-WEIGHT-1M": str(self.used[shown])}

    def empty(self, body: Any) -> Any:
        return []

    def other(self, query: dict[str, str], path: str) -> dict[str, str]:
        symbol = query.get("symbol", "")
        if not symbol:
            return query
        return {**query, "symbol": "ETHUSDT" if symbol != "ETHUSDT" else "BTCUSDT"}

    def spoilt(self, status: int, retry_after: float) -> web.Response:
        wait = str(max(1, int(retry_after + 0.999)))
        if status == 418:
            until = int((time.time() + retry_after) * 1000)
            text = f"Way too much request weight used; IP banned until {until}."
            return json_reply({"code": -1003, "msg": text}, 418, Retry_After=wait)
        if status == 429:
            text = "Too much request weight used; please use WebSocket Streams for live updates."
            return json_reply({"code": -1003, "msg": text}, 429, Retry_After=wait)
        if status == 403:
            return html_reply(403)
        return json_reply({"code": -1000, "msg": "An unknown error occurred."}, status)
