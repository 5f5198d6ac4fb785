"""The section of the feeds: thresholds, ages, lists of levels and timeframes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from p9.config import Config, ConfigError, config_hash, describe, loads
from p9.config.feeds import TIMEFRAMES


def only(text: str | bytes, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Key and message of the one problem of a text."""
    with pytest.raises(ConfigError) as caught:
        loads(text, environ or {}, "x.yaml")
    (problem,) = caught.value.problems
    return problem.key, problem.message


def test_every_feed_of_the_contract_is_on() -> None:
    assert sorted(Config().feeds.enabled()) == sorted([
        "bbo", "depth", "snapshot", "trade", "block_trade", "liquidation", "funding",
        "mark_price", "index_price", "open_interest", "insurance_fund", "imbalance", "candles",
        "ticker", "long_short",
    ])  # fmt: skip
    some = loads("feeds: {ticker: {enabled: false}, funding: {enabled: no}}", {}).feeds
    assert set(Config().feeds.enabled()) - set(some.enabled()) == {"ticker", "funding"}


def test_greatest_ages_are_those_of_the_enabled_feeds() -> None:
    assert Config().feeds.max_age_s() == {
        "funding": 30.0, "mark_price": 10.0, "index_price": 10.0, "open_interest": 15.0,
        "insurance_fund": 60.0, "long_short": 60.0,
    }  # fmt: skip
    some = loads("feeds: {funding: {max_age_s: 2.5}, mark_price: {enabled: no}}", {}).feeds
    assert "mark_price" not in some.max_age_s()
    assert some.max_age_s()["funding"] == 2.5


def test_one_threshold_leaves_the_others_as_they_are() -> None:
    block = loads("feeds: {block_trade: {min_notional: {BTC: 1_000_000, PEPE: 1e4}}}", {}).feeds
    of = block.block_trade.min_notional_of
    assert of("BTC", spot=False) == "1000000"
    assert of("BTC", spot=True) == "500000"
    assert of("PEPE", spot=True) == "5000"
    assert of("ETH", spot=False) == "250000"
    assert of("NOBODY", spot=True) == "12500"


def test_thresholds_are_exact_decimals() -> None:
    text = "feeds: {block_trade: {min_notional: {default: 100.10}, spot_share: 0.3}}"
    assert loads(text, {}).feeds.block_trade.min_notional_of("X", spot=True) == "30.03"


def test_amounts_are_described_and_hashed() -> None:
    amounts = dict(describe(Config())["feeds.block_trade.min_notional"])  # type: ignore[call-overload]
    assert amounts["DOGE"] == "100000"
    other = loads("feeds: {block_trade: {min_notional: {BTC: 1}}}", {})
    assert config_hash(other) != config_hash(Config())
    hash(other)


def test_levels_rise_whatever_their_order() -> None:
    assert loads("feeds: {imbalance: {levels: [20, 1, 5]}}", {}).feeds.imbalance.levels == (
        1, 5, 20,
    )  # fmt: skip


def test_timeframes() -> None:
    assert Config().feeds.candles.timeframes == TIMEFRAMES
    some = loads("feeds: {candles: {timeframes: [1m, 1d], reference: false}}", {}).feeds.candles
    assert (some.timeframes, some.reference) == (("1m", "1d"), False)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("snapshot: {interval_ms: 99}", "snapshot.interval_ms", "whole number 100..60000"),
        ("snapshot: {interval_ms: 250}", "snapshot.interval_ms", "(in steps of 100)"),
        ("snapshot: {levels: 0}", "snapshot.levels", "whole number 1..1000"),
        ("funding: {max_age_s: 0.4}", "funding.max_age_s", "number 0.5..86400"),
        ("mark_price: {max_age_s: never}", "mark_price.max_age_s", "number 0.5..86400"),
        ("ticker: {max_age_s: 5}", "ticker.max_age_s", "unknown key"),
        ("imbalance: {levels: []}", "imbalance.levels", "empty; allowed: one or more"),
        ("imbalance: {levels: [1, 1]}", "imbalance.levels[1]", "given twice"),
        ("imbalance: {levels: [0]}", "imbalance.levels[0]", "whole number 1..1000"),
        ("imbalance: {levels: 5}", "imbalance.levels", "found '5'; allowed: a list of up to 8"),
        ("candles: {timeframes: [2m]}", "candles.timeframes[0]", "found '2m'; allowed: 1s, 5s,"),
        ("candles: {timeframes: []}", "candles.timeframes", "empty; allowed: one or more of 1s,"),
        ("block_trade: {min_notional: 5}", "block_trade.min_notional", "found '5'; allowed: up to"),
        ("block_trade: {min_notional: {BTC: 0}}", "block_trade.min_notional.BTC", "number 1..10"),
        ("block_trade: {min_notional: {BTC: x}}", "block_trade.min_notional.BTC", "found 'x'"),
        ("block_trade: {min_notional: {BTC: [1]}}", "block_trade.min_notional.BTC", "a list"),
        ("block_trade: {min_notional: {btc: 1}}", "block_trade.min_notional.btc", "upper case"),
        ("block_trade: {min_notional: {Default: 1}}", "block_trade.min_notional.Default",
         "unknown name; allowed: default, or"),
        ("block_trade: {spot_share: 0}", "block_trade.spot_share", "number 0.001..1000"),
    ],
)  # fmt: skip
def test_what_a_feed_refuses(text: str, key: str, said: str) -> None:
    where, message = only(f"feeds: {{{text}}}")
    assert where == f"feeds.{key}"
    assert said in message


def test_a_listing_is_read_again_within_bounds() -> None:
    assert loads("connection: {listing_s: 1}", {}).connection.listing_s == 1.0
    assert only("connection: {listing_s: 0.5}")[1].endswith("allowed: number 1..86400")
