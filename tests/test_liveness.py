"""When silence is a fault, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from p9.connect.liveness import Pulse, Quiet, StallGuard, Watch
from p9.connect.pacing import Backoff, Pacer
from p9.venues import ENDPOINTS, Heartbeat

QUIET = Quiet(trade_s=600, bbo_s=180, depth_s=120)


ALL = ("trade", "bbo", "depth")


class Market:
    """The watches of one symbol; `moving` says which feeds have data in each second."""

    def __init__(self, endpoint: str, quiet: Quiet = QUIET, *, whole: bool = False) -> None:
        """`whole`: all streams, else what moves as the market does."""
        self.rows = {
            row.feed: row
            for row in ENDPOINTS[endpoint].feeds
            if not row.option and (whole or row.feed in ALL)
        }
        self.watches = {feed: Watch(row, quiet) for feed, row in self.rows.items()}
        self.seen = dict.fromkeys(self.watches, 0)
        self.now = 1000.0
        for watch in self.watches.values():
            watch.start(self.now, 0)
            watch.acknowledged(self.now)

    def run(self, seconds: float, *moving: str, every: float = 1.0) -> dict[str, str]:
        """The verdicts after so many looks, one a second."""
        verdicts = dict.fromkeys(self.watches, "")
        for tick in range(int(seconds)):
            self.now += 1.0
            for feed in moving:
                if tick % every == 0:
                    self.seen[feed] += 1
            for feed, watch in self.watches.items():
                verdicts[feed] = watch.look(
                    self.now,
                    self.seen[feed],
                    [self.watches[name] for name in self.rows[feed].witness],
                    [
                        self.watches[name]
                        for name, row in self.rows.items()
                        if row.shows_market and name != feed
                    ],
                )
        return verdicts


def told(endpoint: str) -> list[str]:
    """All streams of an endpoint but those of rare events."""
    return [row.feed for row in ENDPOINTS[endpoint].feeds if not row.rare and not row.option]


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_a_moving_market_is_well(endpoint: str) -> None:
    assert set(Market(endpoint).run(900, *ALL).values()) == {""}


NEVER_SPOKE = {
    ("binance:spot", "depth"): (11, "strong"),
    ("binance:linear", "bbo"): (25, "strong"),
    ("binance:linear", "trade"): (65, "weak"),
    ("bybit:spot", "depth"): (8, "strong"),
    ("bybit:linear", "bbo"): (8, "strong"),
    ("bybit:linear", "trade"): (65, "weak"),
    ("okx", "depth"): (8, "strong"),
    ("okx", "bbo"): (12, "strong"),
    ("okx", "trade"): (65, "weak"),
}


@pytest.mark.parametrize(("endpoint", "silent"), sorted(NEVER_SPOKE))
def test_acknowledged_and_then_silent(endpoint: str, silent: str) -> None:
    within, verdict = NEVER_SPOKE[endpoint, silent]
    verdicts = Market(endpoint).run(within, *(feed for feed in ALL if feed != silent))
    assert verdicts[silent] == verdict
    assert all(not said for feed, said in verdicts.items() if feed != silent)


@pytest.mark.parametrize(("endpoint", "silent"), sorted(NEVER_SPOKE))
def test_a_busy_feed_that_falls_silent_is_missed_soon(endpoint: str, silent: str) -> None:
    market = Market(endpoint)
    market.run(60, *ALL)
    others = [feed for feed in ALL if feed != silent]
    assert market.run(5, *others)[silent] == ""
    assert market.run(5, *others)[silent] in ("weak", "strong")


@pytest.mark.parametrize("endpoint", ["binance:spot", "okx"])
def test_a_slow_feed_beside_a_busier_one_is_left_alone(endpoint: str) -> None:
    """A book that changes every 15 s, while its best price moves each second."""
    market = Market(endpoint)
    market.run(1, *ALL)
    for _ in range(40):
        assert market.run(14, "bbo", "trade")["depth"] == ""
        market.run(1, *ALL)


@pytest.mark.parametrize("endpoint", ["binance:spot", "binance:linear"])
def test_a_quiet_market_is_suspected_only_after_the_long_limits(endpoint: str) -> None:
    market = Market(endpoint)
    market.run(5, *ALL)
    assert set(market.run(110).values()) == {""}
    assert market.run(15) == {"trade": "", "bbo": "", "depth": "weak"}
    assert market.run(60)["bbo"] == "weak"
    assert market.run(500)["trade"] == "weak"


def test_promised_repeats_are_kept_apart_from_a_quiet_market() -> None:
    market = Market("bybit:linear")
    market.run(5, *ALL)
    # the top of book is repeated every 3 s, nothing else happens
    assert set(market.run(110, "bbo", every=3).values()) == {""}
    assert market.run(8)["bbo"] == "strong"
    market = Market("okx")
    market.run(5, *ALL)
    assert market.run(90) == {"trade": "", "bbo": "", "depth": ""}
    assert market.run(5) == {"trade": "", "bbo": "strong", "depth": "strong"}


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_rare_events_may_be_silent_for_ever(endpoint: str) -> None:
    market = Market(endpoint, whole=True)
    rare = [feed for feed, row in market.rows.items() if row.rare]
    assert set(rare) <= {"liquidation", "block_trade"}
    assert set(market.run(7200, *told(endpoint)).values()) == {""}


SOON = {
    ("binance:linear", "mark_price"): (8, "strong"),
    ("binance:linear", "ticker"): (35, "weak"),
    ("binance:spot", "candles"): (35, "weak"),
    ("bybit:linear", "ticker"): (8, "strong"),  # its snapshot
    ("bybit:spot", "ticker"): (8, "strong"),
    ("bybit:spot", "candles"): (65, "weak"),
    ("okx", "ticker"): (35, "weak"),
    ("okx", "mark_price"): (19, "strong"),
    ("okx", "index_price"): (95, "strong"),
    ("okx", "funding"): (140, "strong"),
    ("okx", "open_interest"): (305, "weak"),
    ("okx", "candles"): (65, "weak"),
}


@pytest.mark.parametrize(("endpoint", "silent"), sorted(SOON))
def test_what_never_spoke_beside_a_moving_market(endpoint: str, silent: str) -> None:
    within, verdict = SOON[endpoint, silent]
    others = [feed for feed in told(endpoint) if feed != silent]
    market = Market(endpoint, whole=True)
    assert market.run(3, *others)[silent] == ""
    verdicts = market.run(within - 3, *others)
    assert verdicts.pop(silent) == verdict
    assert set(verdicts.values()) == {""}


def test_prices_that_are_told_all_the_time_do_not_stand_for_the_market() -> None:
    """A busy hour, then a night in which only the mark and index prices are told."""
    for endpoint, told_still in (("binance:linear", "mark_price"), ("bybit:linear", "ticker")):
        market = Market(endpoint, whole=True)
        market.run(60, *told(endpoint))
        still = [told_still, *(["bbo"] if endpoint.startswith("bybit") else [])]
        assert set(market.run(110, *still).values()) == {""}


def test_what_is_repeated_only_is_well() -> None:
    """The mark price moved all the time, then it stands: each 10 s it is told again."""
    market = Market("okx", whole=True)
    market.run(60, *told("okx"))
    market.rows.pop("index_price")
    others = [feed for feed in told("okx") if feed not in ("mark_price", "index_price")]
    market.watches.pop("index_price")
    for _ in range(20):
        market.run(1, "mark_price", *others)
        assert set(market.run(9, *others).values()) == {""}


def test_trades_are_never_proof_and_rare_ones_do_not_disturb() -> None:
    market = Market("okx")
    for _ in range(20):
        assert market.run(50, "bbo", "depth")["trade"] == ""
        market.run(1, *ALL)


def test_the_configured_limits_bound_all_others() -> None:
    market = Market("binance:spot", Quiet(trade_s=3, bbo_s=3, depth_s=3))
    verdicts = market.run(5, "bbo")
    assert (verdicts["depth"], verdicts["trade"]) == ("strong", "weak")


def test_repeated_action_waits_longer_and_movement_forgets_it() -> None:
    watch = Market("okx").watches["depth"]
    times = []
    now = 0.0
    while now < 300:
        if watch.may_act(now):
            times.append(now)
            watch.acted(now)
        now += 1.0
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == [5, 10, 20, 40, 80]
    watch.acted(now)
    watch.start(now, 0)
    watch.look(now + 1, 1, (), ())
    assert watch.actions == 7  # the snapshot of the new subscription proves nothing
    watch.look(now + 100, 2, (), ())
    assert watch.actions == 0


def test_data_before_the_acknowledgement_counts() -> None:
    row = ENDPOINTS["bybit:spot"].row("depth")
    assert row is not None
    watch = Watch(row, QUIET)
    watch.start(100.0, 55)
    assert not watch.spoke(55)
    assert watch.spoke(56)
    watch.acknowledged(103.0)
    assert watch.look(104.0, 56, (), ()) == ""
    assert watch.moved_at == 104.0


def test_a_stall_of_the_loop_is_nobodys_silence() -> None:
    forgiven: list[float] = []
    guard = StallGuard(forgiven.append, tolerated_s=1.0)
    for now in (10.0, 10.1, 10.9, 40.9, 41.0):
        guard.tick(now)
    assert forgiven == [pytest.approx(30.0)]


def test_idle_pings_are_answered_by_any_frame() -> None:
    pulse = Pulse(Heartbeat(every_s=20, pong_s=8, idle=True), connection_s=60)
    pulse.start(100.0)
    pulse.frame(110.0, 1)
    assert not pulse.ping_due(129.0)
    assert pulse.ping_due(130.0)
    assert not pulse.ping_due(131.0)
    assert pulse.dead(137.0) == ""
    pulse.frame(137.5, 2)
    assert pulse.dead(139.0) == ""
    assert pulse.ping_due(157.5)
    assert pulse.dead(165.6) == "no pong"


def test_periodic_pings_want_a_pong() -> None:
    pulse = Pulse(Heartbeat(every_s=20, pong_s=10, idle=False), connection_s=60)
    pulse.start(0.0)
    now, pings = 0.0, 0
    for second in range(1, 51):
        now = float(second)
        pulse.frame(now, second)
        pings += pulse.ping_due(now)
        if second < 40:
            pulse.pong()
    assert pings == 2
    assert pulse.dead(50.0) == ""
    assert pulse.dead(50.1) == "no pong"  # data alone does not answer
    pulse.forgive(5.0)
    assert pulse.dead(54.0) == ""


def test_nothing_at_all_received() -> None:
    pulse = Pulse(Heartbeat(every_s=1000, pong_s=10, idle=True), connection_s=60)
    pulse.start(0.0)
    assert pulse.dead(60.0) == ""
    assert pulse.dead(60.1) == "nothing received"


def test_backoff_doubles_to_its_cap_with_jitter() -> None:
    backoff = Backoff(0.5, 30.0)
    waits = [backoff.next() for _ in range(10)]
    for wait, top in zip(waits, (0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30), strict=True):
        assert top / 2 <= wait <= top
    assert len(set(waits)) > 5
    backoff.reset()
    assert backoff.next() <= 0.5


def test_connections_are_paced() -> None:
    async def main() -> list[float]:
        pacer, loop = Pacer(0.05, 2), asyncio.get_running_loop()
        began = loop.time()
        times: list[float] = []

        async def one() -> None:
            await pacer.take()
            times.append(loop.time() - began)

        await asyncio.gather(*(one() for _ in range(5)))
        return times

    times = asyncio.run(main())
    for at, least in zip(times, (0, 0, 0.05, 0.1, 0.15), strict=True):
        assert least - 0.002 <= at <= least + 0.2
