"""OKX: checksums, contracts, both start-ups, resets, heartbeats, lists of updates."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from tests.core.support import RECV, Bench
from tests.models.book import Reader
from tests.models.numbers import units

SWAP = "BTC-USDT-SWAP"


def row(
    prev: int | None, seq: int | None, bids: Any = (), asks: Any = (), checksum: int | None = 0
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "asks": [[*level, "0", "1"] for level in asks],
        "bids": [[*level, "0", "1"] for level in bids],
        "ts": "1790000000100",
    }
    if checksum is not None:
        found["checksum"] = checksum
    if seq is not None:
        found |= {"prevSeqId": prev, "seqId": seq}
    return found


def books(action: str, *rows: dict[str, Any], name: str = SWAP, channel: str = "books") -> str:
    return json.dumps(
        {"arg": {"channel": channel, "instId": name}, "action": action, "data": list(rows)}
    )


def body(seq: int, bids: Any = (("99", "100"),), asks: Any = (("101", "100"),)) -> bytes:
    found = row(None, None, bids, asks, None) | {"seqId": seq}
    return json.dumps({"code": "0", "msg": "", "data": [found]}).encode()


class Line:
    """A bench whose depth messages of one instrument go to a reader."""

    def __init__(self, name: str = SWAP) -> None:
        self.bench, self.reader, self.name = Bench(), Reader(), name
        self.number = self.bench.numbers["okx", name]

    def read(self) -> list[str]:
        texts = [text for channel, text in self.bench.data() if channel.startswith("depth")]
        for text in texts:
            self.reader.take(text)
        assert self.reader.live == (self.bench.engine.book_state(self.number) == "LIVE")
        return texts

    def feed(self, frame: str) -> list[str]:
        self.bench.feed("okx", frame)
        return self.read()

    def state(self) -> str:
        return self.bench.engine.book_state(self.number)


VECTORS = [
    ([["100.5", "2"], ["100.4", "3"]], [["100.6", "1.5"], ["100.7", "4"]], 433803981),
    ([["100.5", "2"]], [["100.6", "1.5"], ["100.7", "4"], ["100.9", "8"]], -412075996),
]


@pytest.mark.parametrize(("bids", "asks", "checksum"), VECTORS)
def test_checksum_vectors(bids: Any, asks: Any, checksum: int) -> None:
    line = Line()
    line.feed(books("snapshot", row(-1, 5, bids, asks, checksum)))
    assert line.state() == "LIVE"
    assert line.bench.counts("okx") == {"checksum_ok": 1}
    line.feed(books("update", row(5, 6, [["100.4", "3"]], [], checksum + 1)))
    assert line.state() == "INVALID"
    assert line.reader.reason == "checksum"
    assert line.bench.counts("okx") == {"checksum_ok": 1, "checksum_bad": 1}
    line.bench.engine.on_timer(RECV)
    assert line.bench.engine.take_wants() == [("resubscribe", line.number, 0)]


def test_checksum_is_of_the_25_best_and_of_venue_units() -> None:
    """Contracts stay contracts, digits canonical, a level that is missing is left out."""
    bids = [[f"{1000 - n}.5", f"{n + 1}.01"] for n in range(40)]
    asks = [[f"{1001 + n}", "7"] for n in range(24)]
    text = ":".join(":".join([*bids[n], *(asks[n] if n < 24 else [])]) for n in range(25))
    crc = zlib.crc32(text.encode())
    line = Line()
    line.feed(books("snapshot", row(-1, 5, bids, asks, crc - (crc >> 31 << 32))))
    assert line.bench.counts("okx") == {"checksum_ok": 1}


@pytest.mark.parametrize("checksum", [0, None])
def test_no_checksum_is_none_to_fail(checksum: int | None) -> None:
    line = Line()
    line.feed(books("snapshot", row(-1, 5, [["99", "1"]], [["101", "1"]], checksum)))
    line.feed(books("update", row(5, 6, [["98", "1"]], [], checksum)))
    assert line.state() == "LIVE"
    assert line.bench.counts("okx") == {}


def test_the_table_of_the_protocol_page() -> None:
    """5.1: snapshot, update, heartbeat, reset, update, gap."""
    line = Line()
    line.feed(books("snapshot", row(-1, 40, [["99", "1"]], [["101", "1"]])))
    assert line.feed(books("update", row(40, 52, [["98", "2"]])))
    assert line.feed(books("update", row(52, 52))) == [], "a heartbeat says nothing"
    assert line.feed(books("update", row(52, 7, [["97", "1"]])))
    assert line.feed(books("update", row(7, 9, [["97", "0"]])))
    assert (line.state(), line.reader.last_id) == ("LIVE", 9)
    line.feed(books("update", row(15, 18, [["96", "1"]])))
    assert line.state() == "INVALID"
    assert line.bench.count("okx", "depth_gaps") == 1


def test_zero_is_an_id() -> None:
    line = Line()
    line.feed(books("snapshot", row(-1, 0, [["99", "1"]], [["101", "1"]])))
    assert line.feed(books("update", row(0, 3, [["98", "2"]])))
    assert line.feed(books("update", row(3, 0, [["98", "0"]])))
    assert (line.state(), line.reader.last_id) == ("LIVE", 0)


@pytest.mark.parametrize("snapshot", [4, 5, 6, 7, 8, 9, 12, 15, 16])
def test_start_by_rest(snapshot: int) -> None:
    """5.3: stale before 5; what is held up to it is dropped, the first kept update must link."""
    line = Line()
    line.feed(books("update", row(5, 7, [["98", "100"]])))
    line.feed(books("update", row(7, 9, [["97", "100"]])))
    answer = line.bench.engine.feed_snapshot(line.number, RECV, body(snapshot), 400)
    line.read()
    assert answer == ("stale" if snapshot < 5 else "")
    assert line.reader.live == (5 <= snapshot < 9) or snapshot >= 9
    line.feed(books("update", row(9, 15, [["96", "100"]])))
    line.feed(books("update", row(15, 20, [["95", "100"]])))
    if answer == "stale":
        assert line.state() == "BUFFERING"
        return
    assert (line.state(), line.reader.last_id) == ("LIVE", 20)
    prices = [
        price for price, last in (("98", 7), ("97", 9), ("96", 15), ("95", 20)) if snapshot < last
    ]
    assert set(line.reader.bids) == {units(price) for price in ("99", *prices)}


def test_rest_is_asked_for_where_no_snapshot_is_pushed() -> None:
    """5.3: after some seconds without one."""
    line = Line()
    engine = line.bench.engine
    engine.subscribed(line.number, RECV)
    line.feed(books("update", row(5, 7)))
    wants: list[Any] = []
    for tenth in range(100):
        engine.on_timer(RECV + tenth * 100_000_000)
        wants += [(tenth, *want) for want in engine.take_wants()]
    # the patience of OKX's rule, in tenths of a second
    assert wants[0] == (30, "snapshot", line.number, 0)


def test_a_repeat_after_a_start_by_rest_is_no_gap() -> None:
    """A second connection brings what was just applied once more."""
    line = Line()
    for prev, seq in ((5, 7), (7, 9)):
        line.feed(books("update", row(prev, seq)))
    assert line.bench.engine.feed_snapshot(line.number, RECV, body(6), 400) == ""
    line.feed(books("update", row(7, 9)))
    line.feed(books("update", row(9, 12)))
    line.feed(books("update", row(9, 12)))
    assert (line.state(), line.bench.count("okx", "depth_gaps")) == ("LIVE", 0)


@pytest.mark.parametrize("held", [True, False])
def test_a_frame_with_several_updates(held: bool) -> None:
    """`data` is a list: each element is an update of its own, also where they wait."""
    line = Line()
    if not held:
        line.feed(books("snapshot", row(-1, 5, [["99", "100"]], [["101", "100"]])))
    frame = books(
        "update",
        row(5, 7, [["98", "100"]]),
        row(7, 9, [["98", "0"], ["97", "300"]]),
        row(9, 11, [], [["102", "100"]]),
    )
    line.feed(frame)
    if held:
        assert line.bench.engine.feed_snapshot(line.number, RECV, body(5), 400) == ""
        line.read()
    one = units("1")
    assert line.reader.last_id == 11
    assert line.reader.bids == {units("99"): one, units("97"): 3 * one}
    assert line.reader.asks == {units("101"): one, units("102"): one}


def test_an_unknown_contract_size_keeps_the_book_and_publishes_nothing() -> None:
    line = Line("XYZ-USDT-SWAP")
    line.bench.feed("okx", books("snapshot", row(-1, 5, *VECTORS[0]), name=line.name))
    assert line.state() == "LIVE"
    assert line.bench.engine.books()[line.number]["contract_known"] is False
    assert line.bench.data() == []
    assert line.bench.counts("okx") == {"checksum_ok": 1, "unpublished": 1}


def unpublished_line() -> Line:
    line = Line("XYZ-USDT-SWAP")
    line.bench.feed(
        "okx", books("snapshot", row(-1, 5, [["99", "10"]], [["101", "10"]]), name=line.name)
    )
    assert (line.bench.data(), line.state()) == ([], "LIVE")
    return line


def test_once_the_contract_size_is_known_readers_get_a_whole_book() -> None:
    line = unpublished_line()
    line.bench.engine.add_instrument(
        "okx",
        line.name,
        exchange="okx",
        symbol="XYZUSDT-PERP",
        price_step="0.1",
        qty_step="0.01",
        contract="10",
    )
    line.feed(books("update", row(5, 6, [["98", "3"]]), name=line.name))
    assert line.reader.bids == {units("99"): units("100"), units("98"): units("30")}
    assert line.reader.asks == {units("101"): units("100")}


def test_a_new_contract_size_is_no_mixture() -> None:
    """6: OKX can change `ctVal` of a live contract: sizes of all levels change with it."""
    line = Line()
    line.feed(books("snapshot", row(-1, 5, [["99", "100"]], [["101", "100"]])))
    line.bench.engine.add_instrument(
        "okx",
        SWAP,
        exchange="okx",
        symbol="BTCUSDT-PERP",
        price_step="0.1",
        qty_step="0.01",
        contract="0.001",
    )
    line.feed(books("update", row(5, 6, [["98", "10"]])))
    assert line.reader.bids == {units("99"): units("0.1"), units("98"): units("0.01")}
    assert line.reader.asks == {units("101"): units("0.1")}


def test_trades_of_two_connections_are_told_once() -> None:
    bench = Bench()
    frame = json.dumps(
        {
            "arg": {"channel": "trades", "instId": SWAP},
            "data": [
                {
                    "instId": SWAP,
                    "tradeId": "910045",
                    "px": "64123.4",
                    "sz": "12.5",
                    "side": "sell",
                    "ts": "1790000000123",
                    "count": "3",
                    "source": "0",
                    "seqId": 335226848777,
                }
            ],
        }
    )
    bench.feed("okx", frame)
    bench.conns["okx"] = bench.engine.open_conn("okx")
    bench.feed("okx", frame)
    bench.feed("okx", frame.replace("910045", "910046"))
    assert [json.loads(text)["id"] for _, text in bench.data()] == ["910045", "910046"]
    # `trades` and `trades-all` tell of the same fills
    bench.feed("okx", frame.replace('"trades"', '"trades-all"').replace("910045", "910044"))
    assert bench.data() == []
    assert bench.counts("okx") == {"duplicates": 1, "other_variant": 1}
