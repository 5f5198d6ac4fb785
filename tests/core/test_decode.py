"""What holds for the golden frames of all venues."""

from __future__ import annotations

import re

import pytest

from tests.core.golden import CONTROLS, GOLDEN, INSTRUMENTS, Golden
from tests.core.support import Bench, expected, key_orders

NAMED = pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: f"{g.endpoint} {g.name}")


def seen(bench: Bench, golden: Golden, frame: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """What a frame made a fresh engine say and count."""
    assert bench.feed(golden.endpoint, frame) is None
    return bench.data(), bench.counts(golden.endpoint)


@NAMED
def test_golden(golden: Golden) -> None:
    said, counts = seen(Bench(), golden, golden.frame)
    if golden.says:
        assert said == expected(Bench().symbol_of(golden.endpoint, golden.frame), golden.says)
        assert set(counts) <= {"checksum_ok"}
    else:
        assert said == []
        assert counts == {golden.counts: 1}


@NAMED
def test_keys_may_stand_in_any_order(golden: Golden) -> None:
    wanted = seen(Bench(), golden, golden.frame)
    for frame in key_orders(golden.frame):
        assert seen(Bench(), golden, frame) == wanted, frame


@NAMED
def test_unknown_keys_are_passed_over(golden: Golden) -> None:
    """New fields come every few months, nested ones too."""
    wanted = seen(Bench(), golden, golden.frame)
    strange = '{"zz":[1,{"b":[["x"]]},"\\"}]"],"type_":null,"eventually":-1.5e-7,'
    for frame in (
        golden.frame.replace("{", strange, 1),
        golden.frame.replace('"data":{', '"data":' + strange, 1).replace(
            '"data":[{', '"data":[' + strange, 1
        ),
    ):
        assert seen(Bench(), golden, frame) == wanted, frame


@pytest.mark.parametrize(
    ("endpoint", "frame", "control"),
    CONTROLS,
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_control(endpoint: str, frame: str, control: tuple[str, ...]) -> None:
    bench = Bench()
    frames = [frame, *(key_orders(frame) if frame.startswith("{") else ())]
    for form in frames:
        assert bench.feed(endpoint, form) == control, form
    assert bench.data() == []
    assert bench.counts(endpoint) == {"control": len(frames)}


def test_a_control_frame_says_the_same_whatever_came_before() -> None:
    for endpoint, frame, control in [*CONTROLS, ("binance:spot", '{"id":5}', None)]:
        bench = Bench()
        first = bench.feed(endpoint, frame)
        assert control is None or first == control
        for other, before, _ in CONTROLS:
            bench.feed(other, before)
            assert bench.feed(endpoint, frame) == first, before


def test_decoders_of_two_endpoints_do_not_share_names() -> None:
    """BTCUSDT is an instrument of two markets, and SOLUSDT of two others."""
    bench = Bench()
    for golden in GOLDEN:
        bench.feed(golden.endpoint, golden.frame)
    for channel, text in bench.data():
        _, exchange, symbol = channel.split(":")
        assert f'"exchange":"{exchange}","symbol":"{symbol}"' in text
    perps = {f"{endpoint.partition(':')[0]}:{symbol}" for endpoint, _, symbol, *_ in INSTRUMENTS}
    assert {
        f"{exchange}:{symbol}"
        for _, exchange, symbol in (channel.split(":") for channel, _ in bench.data())
    } <= perps


@pytest.mark.parametrize("name", ["币安人生USDT", "ÄÖÜUSDT", "A-B_C.D/E", "1000PEPEUSDT"])
def test_names_of_any_script(name: str) -> None:
    """UTF-8 as it stands, or escaped as an ASCII-only writer does."""
    escaped = name.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")
    upper = re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), escaped)
    for written in {name, escaped, upper}:
        frames = {
            "binance:spot": f'{{"e":"trade","E":1795305600123,"s":"{written}","t":1,"p":"1.5","q":"2","T":1795305600121,"m":false}}',  # noqa: E501
            "bybit:spot": f'{{"topic":"publicTrade.{written}","ts":1795305600301,"type":"snapshot","data":[{{"i":"1","T":1795305600121,"p":"1.5","v":"2","S":"Buy","s":"{written}","BT":false}}]}}',  # noqa: E501
            "okx": f'{{"arg":{{"channel":"trades","instId":"{written}"}},"data":[{{"instId":"{written}","tradeId":"1","px":"1.5","sz":"2","side":"buy","ts":"1795305600121"}}]}}',  # noqa: E501
        }
        for endpoint, frame in frames.items():
            bench = Bench()
            bench.engine.add_instrument(
                endpoint, name, exchange="x", symbol=name, price_step="0.1", qty_step="1"
            )
            bench.feed(endpoint, frame)
            assert [line[0] for line in bench.data()] == [f"trade:x:{name}"], (written, endpoint)
