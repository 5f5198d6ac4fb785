"""OKX: REST bodies, each read as the answer to what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.child import in_child
from tests.core.support import RECV, Bench, key_orders
from tests.core.test_decode_okx_feeds import (
    FUNDING,
    INTEREST,
    MS,
    SWAP,
    TICKER,
    T,
    index,
    index_bench,
    said,
    without,
)

LINEAR_TICKER = {**TICKER, "instType": "SWAP", "instId": SWAP, "volCcy24h": "108540.53"}
MARK = {"instType": "SWAP", "instId": SWAP, "markPx": "64120.9", "ts": str(T)}
RATIOS = [["1795305600000", "1.5"], ["1795305300000", "0.8"], ["1795305000000", "0.9"]]
DEPOSIT = {
    "adlType": "", "amt": "1", "balance": "3310.16480000", "ccy": "BTC", "maxBal": "",
    "maxBalTs": "", "ts": "1795248000000", "type": "liquidation_balance_deposit",
}  # fmt: skip
FUND = {
    "details": [DEPOSIT, {**DEPOSIT, "balance": "3309", "ts": "1795161600000"}],
    "instFamily": "BTC-USD", "instType": "SWAP", "total": "212345678.9",
}  # fmt: skip


def body(rows: Any, **outer: Any) -> str:
    return json.dumps({"code": "0", "msg": "", "data": rows, **outer})


def poll(bench: Bench, ask: str, text: str, instrument: int = -1, old_ns: int = 0) -> str:
    return bench.engine.feed_poll("okx", ask, RECV, text.encode(), instrument, old_ns=old_ns)


# ask, rows, what they say
ANSWERS: dict[str, tuple[list[Any], dict[str, str]]] = {
    "mark_price": ([MARK], {"mark_price": '{"price":64120.9}'}),
    "index_price": ([index()], {"index_price": '{"price":64280.15}'}),
    "funding": (
        [FUNDING],
        {"funding": '{"rate":0.0001,"interval_hours":8,"next_funding":1795334400000000000}'},
    ),
    "funding_interval": (
        [FUNDING],
        {"funding": '{"rate":0.0001,"interval_hours":8,"next_funding":1795334400000000000}'},
    ),
    "open_interest": (
        [INTEREST],
        {"open_interest": '{"base":0.1,"contracts":10,"notional":6400,"derived":[]}'},
    ),
    "ticker": (
        [LINEAR_TICKER],
        {
            "ticker": '{"last":3312.5,"open":3290,"high":3350.1,"low":3271,"volume":108540.53,"quote_volume":null,"change_pct":0.00683891}'  # noqa: E501
        },
    ),
    "long_short": (
        RATIOS,
        {"long_short": '{"ratio":1.5,"long_account":0.6,"short_account":0.4,"period":"5m"}'},
    ),
}
ASKS = pytest.mark.parametrize("ask", ANSWERS)
NAMED = pytest.mark.parametrize("ask", [ask for ask in ANSWERS if ask != "long_short"])


@ASKS
def test_answers(ask: str) -> None:
    rows, says = ANSWERS[ask]
    wanted = sorted((f"{feed}:okx:BTCUSDT-PERP", text) for feed, text in says.items())
    for text in (body(rows), *key_orders(body(rows))):
        bench = Bench()
        assert poll(bench, ask, text, bench.numbers["okx", SWAP]) == ""
        assert sorted(said(bench)) == wanted, text
        assert bench.counts("okx") == {"polls": 1}


@NAMED
def test_answers_about_all(ask: str) -> None:
    """Rows of what is not ours are passed over, also where a resolver could make them known."""
    rows, says = ANSWERS[ask]
    other = {**rows[0], "instId": "DOGE-USDT-SWAP"}
    option = {**rows[0], "instType": "OPTION"}
    for resolver in (None, lambda endpoint, name: {"exchange": "okx", "symbol": name}):
        bench = Bench(resolver=resolver)
        assert poll(bench, ask, body([other, option, *rows, other])) == ""
        assert len(said(bench)) == len(says)
        assert poll(bench, ask, body([other])) == "empty"
        assert bench.counts("okx") == {"polls": 2}


@ASKS
def test_answers_that_are_none(ask: str) -> None:
    rows, _ = ANSWERS[ask]
    bench = Bench()
    number = bench.numbers["okx", SWAP]
    for text, why in (
        (body([]), "empty"),
        ('{"msg":"Too Many Requests","code":"50011"}', "reject.shape"),
        (body([], code="51001", msg="Instrument ID does not exist"), "reject.shape"),
        (body(rows, code="50026"), "reject.shape"),
        (body(rows, code=0), "reject.shape"),
        (json.dumps({"msg": "", "data": rows}), "reject.shape"),
        ('{"code":"0","msg":""}', "reject.shape"),
        (body({}), "reject.shape"),
        (body(None), "reject.shape"),
        (body([None]), "reject.shape"),
        (body(["x"]), "reject.shape"),
        (json.dumps(rows), "reject.json"),
        ("<html><body>502 Bad Gateway</body></html>", "reject.json"),
        ("", "reject.json"),
        (body(rows)[:-3], "reject.json"),
    ):
        assert poll(bench, ask, text, number) == why, text
    assert bench.data() == []


@pytest.mark.parametrize("ask", [*ANSWERS, "insurance_fund"])
def test_answers_cut_at_every_byte(ask: str) -> None:
    rows = [FUND] if ask == "insurance_fund" else ANSWERS[ask][0]
    raw = body(rows).encode()

    def run() -> None:
        bench = Bench()
        number = bench.numbers["okx", SWAP]
        for size in range(len(raw)):
            cut = bench.engine.feed_poll("okx", ask, RECV, raw[:size], number)
            assert cut == "reject.json", raw[:size]
        assert bench.data() == []

    in_child(run)


@NAMED
def test_an_answer_about_another(ask: str) -> None:
    rows, _ = ANSWERS[ask]
    bench = index_bench()
    for name in ("ETH-USDT", "BTC-USD-SWAP"):
        assert poll(bench, ask, body(rows), bench.numbers["okx", name]) == "reject.symbol"
    unknown = [{**rows[0], "instId": "DOGE-USDT-SWAP"}]
    assert poll(bench, ask, body(unknown), bench.numbers["okx", SWAP]) == "reject.symbol"
    nameless = [without(rows[0], "instId")]
    assert poll(bench, ask, body(nameless), bench.numbers["okx", SWAP]) == "reject.shape"
    assert bench.data() == []


def test_an_index_that_was_asked_for_one_is_of_all() -> None:
    bench = index_bench()
    assert poll(bench, "index_price", body([index()]), bench.numbers["okx", SWAP]) == ""
    assert {channel for channel, _ in said(bench)} == {
        f"index_price:okx:{symbol}" for symbol in ("BTCUSDT", "BTCUSDT-261225", "BTCUSDT-PERP")
    }


@ASKS
def test_old_answers(ask: str) -> None:
    rows, _ = ANSWERS[ask]
    bench = Bench()
    number = bench.numbers["okx", SWAP]
    assert poll(bench, ask, body(rows), number, old_ns=100 * MS) == "old"
    assert bench.data() == []
    assert poll(bench, ask, body(rows), number, old_ns=1000 * MS) == ""


# ---- long/short -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "long", "short"),
    [
        ("0", 0, 1),
        ("1", 0.5, 0.5),
        ("2", 0.66666667, 0.33333333),
        ("0.8123", 0.44821498, 0.55178502),
        ("99999999", 0.99999999, 0.00000001),
    ],
)
def test_shares_of_accounts(ratio: str, long: float, short: float) -> None:
    bench = Bench()
    text = body([["1795305600000", ratio]])
    assert poll(bench, "long_short", text, bench.numbers["okx", SWAP]) == ""
    ((_, said_text),) = said(bench)
    assert json.loads(said_text) == {
        "ratio": float(ratio), "long_account": long, "short_account": short, "period": "5m",
    }  # fmt: skip


def test_the_newest_ratio_wherever_it_stands() -> None:
    for rows in (RATIOS, RATIOS[::-1], [RATIOS[1], RATIOS[0], RATIOS[2]]):
        bench = Bench()
        assert poll(bench, "long_short", body(rows), bench.numbers["okx", SWAP]) == ""
        assert '"ts_exchange":1795305600000000000' in bench.data()[0][1]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["1795305600000", "x"], "reject.number"),
        (["x", "1"], "reject.number"),
        (["1795305600000", "-1"], "reject.negative"),
        (["1795305600000"], "reject.shape"),
        ([], "reject.shape"),
        ({"ts": "1795305600000", "ratio": "1"}, "reject.shape"),
    ],
)
def test_a_ratio_that_is_none(row: Any, why: str) -> None:
    bench = Bench()
    assert poll(bench, "long_short", body([row]), bench.numbers["okx", SWAP]) == why
    assert poll(bench, "long_short", body(RATIOS)) == "reject.shape", "of whom is not said"


# ---- insurance fund -------------------------------------------------------------------


def funds(*rows: Any) -> tuple[str, list[Any]]:
    bench = Bench()
    answer = poll(bench, "insurance_fund", body(list(rows)))
    found = said(bench)
    return answer, json.loads(found[0][1])["balances"] if found else []


def balance(asset: str, amount: float, pool: str = "BTC-USD") -> Any:
    return {"asset": asset, "amount": amount, "pool": pool}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (FUND["details"], balance("BTC", 3310.1648)),
        (FUND["details"][::-1], balance("BTC", 3310.1648)),
        ([{**DEPOSIT, "balance": ""}], balance("USD", 212345678.9)),
        ([{**DEPOSIT, "balance": ""}, FUND["details"][1]], balance("USD", 212345678.9)),
        ([{**DEPOSIT, "ts": "", "balance": "", "ccy": ""}], balance("USD", 212345678.9)),
        ([{**DEPOSIT, "ccy": ""}], balance("USD", 212345678.9)),
        ([], balance("USD", 212345678.9)),
    ],
)
def test_funds(details: Any, told: Any) -> None:
    assert funds({**FUND, "details": details}) == ("", [told])


def test_funds_of_two_families() -> None:
    other = {**FUND, "instFamily": "ETH-USD", "details": [{**DEPOSIT, "ccy": "ETH"}]}
    assert funds(FUND, other) == (
        "",
        [balance("BTC", 3310.1648), balance("ETH", 3310.1648, "ETH-USD")],
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({**FUND, "details": [], "total": ""}, "empty"),
        ({**FUND, "details": {}}, "reject.shape"),
        ({**FUND, "details": [1]}, "reject.shape"),
        ({**FUND, "instFamily": 1}, "reject.shape"),
        ({**FUND, "details": [{**DEPOSIT, "balance": "x"}]}, "reject.number"),
        ({**FUND, "details": [{**DEPOSIT, "ts": "x"}]}, "reject.number"),
        ({**FUND, "details": [], "total": "x"}, "reject.number"),
    ],
)
def test_funds_that_are_none(row: Any, why: str) -> None:
    assert funds(row) == (why, [])
