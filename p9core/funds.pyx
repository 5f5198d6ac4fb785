"""Insurance funds: every pool of an exchange, as its answers and pushes tell them bit by bit. Rare,
and so in Python."""

import json as _json

from libc.stdint cimport int32_t, int64_t

from p9core.exact cimport put_exact
from p9core.lines cimport COUNT_BALANCES, COUNT_OLD
from p9core.reports cimport Reports
from p9core.types cimport FEED_INSURANCE, Balance
from p9core.venues.endpoints cimport endpoint_at

cdef enum:
    HOUR_NS = 3600000000000
    MAX_FUNDS = 5000


cdef class Funds(Reports):
    """See the .pyi for what each call takes."""

    def __cinit__(self):
        self.funds = {}
        self.funds_said_ns = {}
        self.funds_seen_ns = {}

    cdef int apply_balances(self, int32_t endpoint, int64_t recv_ns, int64_t now,
                            int64_t old_ns) except -1:
        """Every pool of the exchange, those that were told now and before; how many were told."""
        cdef const Balance *balance
        cdef int32_t i
        told = {}
        exchange = endpoint_at(endpoint).exchange.decode()
        held = self.funds.setdefault(exchange, {})
        for i in range(self.stage.n_balances):
            balance = &self.stage.balances[i]
            if old_ns > 0 and balance.ts_ns > 0 and now - balance.ts_ns > old_ns:
                self.counts[endpoint][COUNT_OLD] += 1
                continue
            pool = balance.pool.at[:balance.pool.size].decode("utf-8", "replace")
            pool = "".join(c for c in pool if c not in '[]" ')
            key = (pool, balance.asset.at[:balance.asset.size].decode("utf-8", "replace"))
            # consecutive answers of a venue's caches may go back
            if balance.ts_ns < held.get(key, ("", 0))[1] <= now + HOUR_NS:
                self.counts[endpoint][COUNT_OLD] += 1
                continue
            self.counts[endpoint][COUNT_BALANCES] += 1
            if key not in held and len(held) + len(told) >= MAX_FUNDS:
                continue
            self.text.size = 0
            put_exact(&self.text, &balance.amount)
            told[key] = (self.text.at[:self.text.size].decode(), balance.ts_ns)
        if not told:
            return 0
        self.funds_seen_ns[exchange] = now
        changed = any(key not in held or held[key][0] != told[key][0] for key in told)
        if not told.keys() <= held.keys():
            _drop_replaced(held, told)
        held.update(told)
        if self.publishes[<int> FEED_INSURANCE] and (
                changed or now - self.funds_said_ns.get(exchange, 0)
                >= self.again_ns[<int> FEED_INSURANCE]):
            self.funds_said_ns[exchange] = now
            newest = max(ts_ns for _, ts_ns in held.values())
            rows = ",".join(
                f'{{"asset":{_json.dumps(asset, ensure_ascii=False)},"amount":{amount},'
                f'"pool":{_json.dumps(pool, ensure_ascii=False)}}}'
                for (pool, asset), (amount, _) in held.items())
            self.speak("insurance_fund", "insurance_fund:" + exchange, {"exchange": exchange},
                       f'{{"balances":[{rows}]}}', now, newest, recv_ns)
        return len(told)

    def last_seen_exchange(self, str exchange not None, str feed not None) -> int:
        if feed != "insurance_fund":
            raise ValueError(f"{feed!r} is not a feed of an exchange")
        return self.funds_seen_ns.get(exchange, 0)


def _drop_replaced(held, told) -> None:
    """A symbol stands in one pool of an asset: pools that were told now with other symbols, as
    after each listing, take the place of those that they share one with."""
    symbols = {(asset, symbol) for pool, asset in told for symbol in pool.split(",")}
    for pool, asset in held.keys() - told.keys():
        if any((asset, symbol) in symbols for symbol in pool.split(",")):
            del held[pool, asset]
