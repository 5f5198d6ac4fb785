"""The Prometheus text is read back by a strict reader of the format."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from p9.health import residual_samples
from p9.metrics import Histogram, Registry, Sample, Summary, engine_samples, render
from tests.core.charts_kit import ALONE, BINANCE, OKX, SECOND, START, Kit, Print

_LINE = re.compile(r"([a-z0-9_]+)(?:\{(.*)\})? (NaN|[+-]Inf|-?[0-9][0-9.e+-]*)")
_PAIR = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parse(text: str) -> dict[str, tuple[str, str, list[tuple[str, dict[str, str], float]]]]:
    """name -> (type, help, series). Refuses whatever the format does not allow."""
    families: dict[str, tuple[str, str, list[tuple[str, dict[str, str], float]]]] = {}
    assert text == "" or text.endswith("\n")
    lines = iter(text.splitlines())
    name = ""
    for line in lines:
        if line.startswith("# HELP "):
            name, _, help = line.removeprefix("# HELP ").partition(" ")
            assert name not in families
            _, _, kind = next(lines).partition(f"# TYPE {name} ")
            assert kind in ("counter", "gauge", "histogram", "summary")
            families[name] = (kind, help, [])
            continue
        match = _LINE.fullmatch(line)
        assert match is not None, line
        labels = {key: _unescape(value) for key, value in _PAIR.findall(match[2] or "")}
        assert len(_PAIR.sub("", match[2] or "")) == 0
        assert match[1].startswith(name)
        row = (match[1], labels, float(match[3]))
        assert row[:2] not in [other[:2] for other in families[name][2]]
        families[name][2].append(row)
    _parse_with_the_official_reader(text)
    return families


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


def _parse_with_the_official_reader(text: str) -> None:
    """Where prometheus_client is installed; it is no dependency."""
    try:
        parser = importlib.import_module("prometheus_client.parser")
    except ImportError:
        return
    list(parser.text_string_to_metric_families(text))


def counter(name: str = "p9_x_total", value: Any = 1, **labels: str) -> Sample:
    return Sample(name, "counter", "Some x", labels, value)


def test_counters_and_gauges() -> None:
    text = render(
        [
            counter(value=2**60 + 1, exchange="okx", market="all"),
            Sample("p9_queue_bytes", "gauge", "Waiting", {}, 1.5),
            counter(value=3, exchange="binance", market="spot"),
        ]
    )
    assert text == (
        "# HELP p9_x_total Some x\n"
        "# TYPE p9_x_total counter\n"
        'p9_x_total{exchange="okx",market="all"} 1152921504606846977\n'
        'p9_x_total{exchange="binance",market="spot"} 3\n'
        "# HELP p9_queue_bytes Waiting\n"
        "# TYPE p9_queue_bytes gauge\n"
        "p9_queue_bytes 1.5\n"
    )
    parse(text)
    assert render([]) == ""


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "\\n", '\\"', "币安", "", 'x",y="z'])
def test_labels_are_escaped(value: str) -> None:
    families = parse(render([counter(reason=value, a="b")]))
    assert families["p9_x_total"][2] == [("p9_x_total", {"a": "b", "reason": value}, 1.0)]


def test_odd_text_cannot_break_a_line() -> None:
    sample = Sample("p9_a_total", "counter", "a\nb\\c\rd\u2028", {"x": "\r\u2028\ud800\x00"}, 1)
    text = render([sample])
    text.encode()
    assert len(text.splitlines()) == 3
    assert parse(text)["p9_a_total"][1] == r"a\nb\\c?d?"


def test_histogram_and_summary() -> None:
    buckets = ((0.001, 5), (0.01, 7), (math.inf, 7))
    families = parse(
        render(
            [
                Sample("p9_a_seconds", "histogram", "A", {"s": "b"}, Histogram(buckets, 0.5, 8)),
                Sample("p9_c_seconds", "summary", "C", {}, Summary(((0.5, 0.1), (0.99, 2)), 3, 4)),
            ]
        )
    )
    assert families["p9_a_seconds"][2] == [
        ("p9_a_seconds_bucket", {"le": "0.001", "s": "b"}, 5),
        ("p9_a_seconds_bucket", {"le": "0.01", "s": "b"}, 7),
        ("p9_a_seconds_bucket", {"le": "+Inf", "s": "b"}, 8),
        ("p9_a_seconds_sum", {"s": "b"}, 0.5),
        ("p9_a_seconds_count", {"s": "b"}, 8),
    ]
    assert [row[2] for row in families["p9_c_seconds"][2]] == [0.1, 2, 3, 4]


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (True, "1"), (1e-9, "1e-09")],
)
def test_numbers(value: float, text: str) -> None:
    out = render([Sample("p9_g", "gauge", "", {}, value)])
    assert out.splitlines()[-1] == f"p9_g {text}"
    parse(out)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (counter("p9_x"), "name"),
        (counter("p9 x_total"), "name"),
        (counter("p9_ok_total"), "repeated"),
        (Sample("p9_ok_total", "gauge", "", {"a": "b"}, 1), "type"),
        (Sample("p9_y_total", "counter", "", {"a-b": ""}, 1), "label"),
        (Sample("p9_y_total", "counter", "", {"__a": ""}, 1), "label"),
        (Sample("p9_h", "histogram", "", {"le": "1"}, Histogram((), 0, 0)), "label"),
        (Sample("p9_h", "histogram", "", {}, 5), "value"),
        (Sample("p9_g", "gauge", "", {}, Summary((), 0, 0)), "value"),
        (counter("p9_y_total", "5"), "value"),
    ],
)
def test_a_bad_sample_costs_only_itself(bad: Sample, reason: str) -> None:
    families = parse(render([counter("p9_ok_total"), bad, counter("p9_last_total")]))
    refused = families.pop("p9_metrics_refused_total")
    assert refused[2] == [("p9_metrics_refused_total", {"reason": reason}, 1.0)]
    assert list(families) == ["p9_ok_total", "p9_last_total"]
    assert len(families["p9_ok_total"][2]) == 1


def test_a_failing_source_costs_only_its_own() -> None:
    def broken() -> Iterator[Sample]:
        yield counter("p9_half_total")
        raise RuntimeError("no")

    def good() -> Iterable[Sample]:
        return [counter("p9_good_total")]

    registry = Registry()
    registry.add("broken", broken)
    registry.add("good", good)
    families = parse(render(registry.collect()))
    assert "p9_half_total" not in families
    assert "p9_good_total" in families
    failures = {labels["source"]: n for _, labels, n in
                families["p9_metrics_source_failures_total"][2]}  # fmt: skip
    assert failures == {"broken": 1, "good": 0}


def test_engine_counters() -> None:
    counters = {
        "binance:spot": {"frames": 9, "bytes": 99, "trades": 3, "bbo": 2, "depth": 1,
                         "reject.json": 4, "reject.number": 5, "checksum_ok": 0},
        "okx": {"frames": 1, "trades": 6},
    }  # fmt: skip
    families = parse(render(engine_samples(counters)))
    spot = {"exchange": "binance", "market": "spot"}
    okx = {"exchange": "okx", "market": "all"}
    assert families["p9_frames_total"][2] == [
        ("p9_frames_total", spot, 9),
        ("p9_frames_total", okx, 1),
    ]
    assert families["p9_received_bytes_total"][2][0][2] == 99
    assert ("p9_messages_total", {**okx, "feed": "trade"}, 6) in families["p9_messages_total"][2]
    assert [row[1]["reason"] for row in families["p9_reject_total"][2]] == ["json", "number"]
    assert "p9_metrics_refused_total" not in families


def test_candles_beside_the_venues() -> None:
    """Through the core: what was compared, what differs, and by how much at worst."""
    kit = Kit([BINANCE, OKX, ALONE])
    now = START - 2 * SECOND
    for name in (BINANCE, OKX, ALONE):
        kit.trade(name, now, Print(now, "64000", "1", 1))
    now = kit.timers(now, 4)
    for name in (BINANCE, OKX, ALONE):
        kit.trade(name, now, Print(now, "64000", "100" if name is OKX else "1", 1))
    now = kit.timers(now, 64)
    truth = dict.fromkeys(("open", "high", "low", "close", "quote_volume"), "64000")
    kit.kline(BINANCE, now, START, {**truth, "volume": "1.25", "buy_volume": "1", "trades": 1})
    kit.kline(OKX, now, START, {**truth, "volume": "1"})
    kit.kline(ALONE, now, START, {**truth, "volume": "0", "buy_volume": "0", "trades": 0})
    kit.timers(now, 4)
    samples = [*residual_samples(kit.engine.residuals()), *engine_samples(kit.engine.counters())]
    families = parse(render(samples))
    ratios = {tuple(row[1].values()): row[2] for row in families["p9_candle_residual_ratio"][2]}
    assert families["p9_candle_residual_ratio"][0] == "gauge"
    assert ratios == {("binance", "linear"): 0.2, ("binance", "spot"): 1.0, ("okx", "all"): 0.0}
    for word, counts in (("checked", (1, 1, 1)), ("differ", (1, 1))):
        rows = families[f"p9_candles_{word}_total"][2]
        assert tuple(row[2] for row in rows) == counts


def test_no_comparison_is_no_sample() -> None:
    assert list(residual_samples([])) == []
    row = {"endpoint": "bybit:linear", "volume": "-0.1", "venue_volume": "0.4"}
    same = {**row, "volume": "0", "venue_volume": "0"}
    assert [one.value for one in residual_samples([same])] == [0.0]
    assert [one.value for one in residual_samples([same, row, same])] == [0.25]
