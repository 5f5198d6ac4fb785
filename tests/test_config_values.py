"""What single values may be: symbols, URLs, files, lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
import yaml

from p9.config import ConfigError, loads
from p9.config.symbol import is_symbol, nearest
from p9.config.urls import redis_address


def refused(text: str | bytes, environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loads(text, environ or {}, "x.yaml")
    return caught.value


def only(text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    """The message of the one problem of a text."""
    (problem,) = refused(text, environ).problems
    return problem.message


# --- single kinds ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["BTCUSDT", "BTCUSDT-PERP", "BTCUSDT-260327", "BTCUSD_UM-PERP", "BTCUSD_UM-XPERP",
     "币安人生USDT", "1000PEPEUSDT-PERP", "4USDT", "ÄUSDT", "1INCHUSDT",
     "我踏马来了USDT-PERP"],
)  # fmt: skip
def test_symbols(text: str) -> None:
    assert is_symbol(text)
    assert loads(f"symbols: [{text}]", {}).symbols == (text,)


@pytest.mark.parametrize(
    ("text", "guess"),
    [("btcusdt", "BTCUSDT"), ("BTC-USDT", "BTCUSDT"), ("BTC-USDT-SWAP", "BTCUSDT-PERP"),
     ("BTC/USDT:USDT", None), ("BTCUSDT-260230", None), ("BTCUSDT-SWAP", "BTCUSDT-PERP"),
     ("BTC-USD_UM-SWAP", "BTCUSD_UM-PERP"), ("", None), ("A", None), ("BTC USDT", "BTCUSDT"),
     ("BTC*", None), ("BTCUSDT-PERP-PERP", None), ("B\x00TC", None), ("X" * 65, None),
     ("äUSDT", "ÄUSDT"), ("BTCUSDT_", "BTCUSDT"), ("-PERP", None), ("BTCUSDT-1", None),
     ("btc_usdt_260327", "BTCUSDT-260327"), ("BTC\u200bUSDT", None), ("１２３:", None)],
)  # fmt: skip
def test_no_symbols(text: str, guess: str | None) -> None:
    assert not is_symbol(text)
    near = nearest(text)
    if guess is None:
        assert near is None or is_symbol(near)
    else:
        assert near == guess


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "found '' in quotes"), ("stream.binance.com", "no URL"), ("wss://", "host is missing"),
     ("wss://:443", "host is missing"), ("wss://h:0", "port"), ("wss://h:65536", "port"),
     ("wss://h:", "port"), ("wss://h:1:2", "port"), ("wss://a b", "no URL"),
     ("wss://u@h", "user or password"), ("wss://h?x=1", "'?'"), ("wss://h#x", "'#'"),
     ("ftp://h", "scheme"), ("https://h", "scheme"), ("wss://-h", "host"), ("wss://a..b", "host"),
     ("wss://[::g]", "host"), ("wss://[::1", "host"), ("wss://999.1.1.1", "host"),
     ("wss://[1.2.3.4]", "host"), ("wss://h\\x", "host"), ("wss://" + "h" * 3000, "no URL"),
     ("wss://h\n", "no URL"), ("wss://h\u0661", "no URL")],
)  # fmt: skip
def test_bad_endpoints(text: str, said: str) -> None:
    document = yaml.safe_dump({"exchanges": {"okx": {"endpoints": {"ws": {"public": text}}}}})
    message = only(document)
    assert said in message
    assert message.endswith("; allowed: wss:// or ws://host[:port][/path]")


@pytest.mark.parametrize(
    ("text", "want"),
    [("redis://h", (False, "h", 6379, "", 0, "", "")),
     ("rediss://u:p@h:1/7", (True, "h", 1, "", 7, "u", "p")),
     ("REDIS://[::1]:5/", (False, "::1", 5, "", 0, "", "")),
     ("redis://:a@b@h", (False, "h", 6379, "", 0, "", "a@b")),
     ("redis://:a%2Fb%3A@h", (False, "h", 6379, "", 0, "", "a/b:")),
     ("unix:///run/r.sock", (False, "", 0, "/run/r.sock", 0, "", "")),
     ("unix://u:p@/run/r%20s?db=3", (False, "", 0, "/run/r s", 3, "u", "p"))],
)  # fmt: skip
def test_redis_urls(text: str, want: tuple[object, ...]) -> None:
    a = redis_address(text)
    assert (a.tls, a.host, a.port, a.path, a.db, a.username, a.password.reveal()) == want
    assert a.is_loopback == (a.host == "::1")


@pytest.mark.parametrize(
    "text",
    ["http://h", "redis:/h", "redis://", "redis:///0", "redis://h/x", "redis://h/-1",
     "redis://h/99999", "redis://h?db=1", "redis://h#1", "unix://relative/x", "unix://",
     "unix:///x?db=", "unix:///x?db=1&db=2", "unix:///x?a=b", "redis://:%ff@h", "redis://h/1/2"],
)  # fmt: skip
def test_bad_redis_urls(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        redis_address(text)
    assert "allowed: redis://" in only(yaml.safe_dump({"redis": {"url": text}}))


def test_tls_ca(tmp_path: Path) -> None:
    good, bad = tmp_path / "ca.pem", tmp_path / "bad.pem"
    trustme.CA().cert_pem.write_to_path(str(good))
    bad.write_text("no certificate")
    assert loads(f"exchanges: {{okx: {{tls_ca: '{good}'}}}}", {}).exchanges.okx.tls_ca == str(good)
    assert "no certificate in it" in only(f"exchanges: {{okx: {{tls_ca: '{bad}'}}}}")
    assert "no such file" in only(f"redis: {{tls_ca: '{tmp_path}'}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [("redis: {prefix: 'a b'}", "up to 64"), ("redis: {prefix: '{x}'}", "up to 64"),
     ("redis: {prefix: 12}", "quote it"), ("redis: {streams: {kinds: [trade, trade]}}", "twice"),
     ("redis: {streams: {kinds: [trades]}}", "did you mean 'trade'?"),
     ("redis: {streams: {kinds: trade}}", "allowed: a list of trade,"),
     ("redis: {keep_s: 59}", "60..3600"), ("http: {host: 'a b'}", "host name or IP"),
     ("runtime: {workers: 2}", "more are not supported yet"),
     ("runtime: {loop: trio}", "auto, uvloop, asyncio"), ("log: {level: off}", "debug, info"),
     ("log: []", "a section with the keys level, format, summary_s"),
     ("symbols: [[BTCUSDT]]", "found a list"), ("symbols:", "found nothing")],
)  # fmt: skip
def test_messages(text: str, said: str) -> None:
    assert said in only(text)
