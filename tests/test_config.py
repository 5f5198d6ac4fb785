"""The configuration loader: every fault found at once, named, and no secret in any text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from p9.config import (
    Config,
    ConfigError,
    config_hash,
    diff,
    find,
    hot_part,
    is_hot,
    load,
    loads,
)
from p9.config.checks import Choice, Int, Number
from p9.config.errors import MAX_PROBLEMS
from p9.config.lists import Amounts, Levels, Names

CONFIGS = Path(__file__).parent.parent / "configs"
FEEDS = Config().feeds.enabled()


def faults(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
    """(key, line) of every problem of a text that must be refused."""
    return [(p.key, p.line) for p in refused(text, environ).problems]


def refused(text: str | bytes, environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loads(text, environ or {}, "x.yaml")
    return caught.value


def only(text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    """The message of the one problem of a text."""
    (problem,) = refused(text, environ).problems
    return problem.message


def rows(part: object, dotted: str = "") -> list[tuple[str, Any]]:
    """(dotted key, its check) of the whole model."""
    assert is_dataclass(part)
    found: list[tuple[str, Any]] = []
    for row in fields(part):
        key = f"{dotted}.{row.name}".lstrip(".")
        value = getattr(part, row.name)
        found += rows(value, key) if is_dataclass(value) else [(key, row.metadata["check"])]
    return found


# --- what is shipped ---------------------------------------------------------------------


def test_shipped_config_equals_the_built_in_defaults() -> None:
    assert load(str(CONFIGS / "config.yaml"), {}) == Config()
    key = {"BINANCE_API_KEY": "k3y-of-the-test"}
    assert load(str(CONFIGS / "config.yaml"), key) == loads("", key)
    assert loads("", key).exchanges.binance.api_key.reveal() == "k3y-of-the-test"


def test_shipped_config_names_every_key() -> None:
    every = {key for key, _ in rows(Config())}

    def keys(tree: Any, dotted: str) -> list[str]:
        if not isinstance(tree, dict) or dotted in every:
            return [dotted]
        return [k for name, sub in tree.items() for k in keys(sub, f"{dotted}.{name}".lstrip("."))]

    shipped = yaml.safe_load((CONFIGS / "config.yaml").read_text("utf-8"))
    assert sorted(keys(shipped, "")) == sorted(every)


@pytest.mark.parametrize(("key", "check"), rows(Config()))
def test_shipped_config_comments_tell_the_range(key: str, check: Any) -> None:
    lines = (CONFIGS / "config.yaml").read_text("utf-8").splitlines()
    at = _line_of(lines, key)
    above = at
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    comment = " ".join(lines[above : at + 1])
    if isinstance(check, Int | Number | Levels | Amounts):
        assert f"{check.low}..{check.high}" in comment
    if isinstance(check, Choice | Names):
        assert all(re.search(rf"\b{name}\b", comment) for name in check.names)


def _line_of(lines: list[str], dotted: str) -> int:
    at = 0
    for depth, name in enumerate(dotted.split(".")):
        start = re.compile(rf" {{{depth * 2}}}{name}:|.*[{{ ]{name}: ")
        at = next(i for i in range(at, len(lines)) if start.match(lines[i].split(" #")[0]))
    return at


def test_minimal_is_five_lines_and_valid() -> None:
    text = (CONFIGS / "minimal.yaml").read_text("utf-8")
    assert len(text.splitlines()) == 5
    config = loads(text, {})
    assert list(config.exchanges.enabled()) == ["binance"]
    assert config.symbols_of("binance") == ("BTCUSDT", "BTCUSDT-PERP")


def test_every_file_in_configs_loads(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for path in CONFIGS.glob("*.yaml"):
        load(str(path), {"P9_LOCAL_CA": str(tmp_path / "ca.pem")})


def test_the_example_of_the_contract_loads() -> None:
    config = loads("""
symbols: [BTCUSDT, ETHUSDT, BTCUSDT-PERP, ETHUSDT-PERP]
exchanges:
  binance:
    endpoints:
      usdm: {ws: {public: "ws://127.0.0.1:1/public"}, rest: "http://127.0.0.1:2/"}
  okx:
    endpoints: {ws: {public: "ws://[::1]:8443/ws/v5/public"}}
feeds:
  depth: {enabled: true, levels: 1000}
  snapshot: {interval_ms: 1000, levels: 50}
  funding: {max_age_s: 30}
redis:
  url: redis://127.0.0.1:6379/0
  embedded: auto
  streams: {kinds: [trade, liquidation, block_trade, funding, candles, events, alert], maxlen: 100000}
http: {host: 127.0.0.1, port: 9109}
runtime: {loop: auto, workers: 1, memory_limit_mb: 0}
log: {level: info, format: auto}
""")  # noqa: E501
    linear = config.exchanges.binance.endpoints.linear
    assert linear.ws.public == "ws://127.0.0.1:1/public"
    assert linear.ws.market == "wss://fstream.binance.com/market"
    assert linear.rest == "http://127.0.0.1:2"
    assert config.exchanges.okx.endpoints.ws.public == "ws://[::1]:8443/ws/v5/public"


# --- where the file comes from -----------------------------------------------------------


def test_order_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(None, {}) is None
    assert load(None, {}) == Config()
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "config.yaml").write_text("http: {port: 1}")
    (tmp_path / "env.yaml").write_text("http: {port: 2}")
    (tmp_path / "given.yaml").write_text("http: {port: 3}")
    assert load(None, {}).http.port == 1
    assert load(None, {"P9_CONFIG": ""}).http.port == 1
    assert load(None, {"P9_CONFIG": "env.yaml"}).http.port == 2
    assert load("given.yaml", {"P9_CONFIG": "env.yaml"}).http.port == 3
    monkeypatch.setenv("P9_CONFIG", "env.yaml")
    assert load().http.port == 2


@pytest.mark.parametrize("path", ["missing.yaml", "", ".", "a\0b", "x" * 5000])
def test_a_file_that_cannot_be_read(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    assert problem.message.startswith("cannot be read")
    assert "\0" not in str(caught.value)


def test_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        load("/dev/zero", {})


# --- good values -------------------------------------------------------------------------


def test_everything_is_frozen() -> None:
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.http.port = 1  # type: ignore[misc]
    hash(config)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "exchanges:\nredis:\n", "\ufeff{}"])
def test_empty_is_the_defaults(text: str) -> None:
    assert loads(text, {}) == Config()


def test_numbers() -> None:
    config = loads("redis: {buffer_mb: 1_024, keep_s: 6e1}\nlog: {summary_s: 2.5}", {})
    assert (config.redis.buffer_mb, config.redis.keep_s, config.log.summary_s) == (1024, 60.0, 2.5)


@pytest.mark.parametrize(
    "value",
    ["70000", "-1", "9109.0", "'9109'", "0x2395", "0777", "2:31:49", "true", "null", "[9109]",
     "{a: 1}", "9" * 5000, ".inf", "yes", "2026-11-22", "1e3"],
)  # fmt: skip
def test_bad_ports(value: str) -> None:
    error = refused(f"http:\n  port: {value}")
    assert [(p.key, p.line) for p in error.problems] == [("http.port", 2)]
    assert "allowed: whole number 0..65535" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize("value", [".nan", ".inf", "1e999", "0", "3601", "abc", "", "1:30", "'5'"])
def test_bad_seconds(value: str) -> None:
    assert "allowed: number 1..3600" in only(f"log: {{summary_s: {value}}}")


# --- faults, all at once -----------------------------------------------------------------


def test_all_faults_at_once_with_key_and_line() -> None:
    error = refused(
        """\
symbols: [BTCUSDT, btc-usdt-swap, BTCUSDT]
exchange: {}
exchanges:
  binance:
    enabled: maybe
    endpoints:
      spot: {ws: "https://stream.binance.com"}
  kraken: {}
feeds:
  depth: {levels: 0}
  fundings: {max_age_s: 30}
redis:
  embedded: alway
  cluster: true
http:
  port: 70000
  prot: 1
http: {}
archive: {dir: data}
"""
    )
    assert [(p.key, p.line) for p in error.problems] == [
        ("symbols[1]", 1),
        ("symbols[2]", 1),
        ("exchange", 2),
        ("exchanges.binance.enabled", 5),
        ("exchanges.binance.endpoints.spot.ws", 7),
        ("exchanges.kraken", 8),
        ("feeds.depth.levels", 10),
        ("feeds.fundings", 11),
        ("redis.embedded", 13),
        ("redis.cluster", 14),
        ("http.port", 16),
        ("http.prot", 17),
        ("http", 18),
        ("archive", 19),
    ]
    said = {p.key: p.message for p in error.problems}
    assert "did you mean 'BTCUSDT-PERP'?" in said["symbols[1]"]
    assert said["symbols[2]"] == "'BTCUSDT' given twice, first on line 1"
    assert said["exchange"].startswith("unknown key, did you mean 'exchanges'?; allowed: symbols,")
    assert said["exchanges.binance.enabled"] == "found 'maybe'; allowed: true, false"
    assert "allowed: wss:// or ws://" in said["exchanges.binance.endpoints.spot.ws"]
    assert said["exchanges.kraken"] == "unknown key; allowed: binance, bybit, okx"
    assert said["feeds.depth.levels"] == "found '0'; allowed: whole number 1..5000"
    assert said["feeds.fundings"].startswith("unknown key, did you mean 'funding'?")
    assert said["archive"] == "not available in this version"
    assert "did you mean 'always'?); allowed: auto, always, never" in said["redis.embedded"]
    assert said["redis.cluster"] == "found 'true' (not supported yet); allowed: false"
    assert "did you mean 'port'?" in said["http.prot"]
    assert said["http"] == "given twice, first on line 15"
    lines = str(error).splitlines()
    assert len(lines) == 14
    assert lines[4].startswith("x.yaml:7: exchanges.binance.endpoints.spot.ws: found 'https://")


@pytest.mark.parametrize(
    "key",
    ["backfill", "archive", "analytics", "exchanges.binance.endpoints.inverse"],
)
def test_later_keys_are_refused_as_such(key: str) -> None:
    text = ""
    for depth, name in enumerate(key.split(".")):
        text += f"{'  ' * depth}{name}:\n"
    assert only(text) == "not available in this version"
    assert faults(text) == [(key, key.count(".") + 1)]


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("exchanges:\n  okx: {enabled: false}\n  bybit: {enabled: false}\n"
         "  binance: {enabled: false}\n", "exchanges", 1),
        ("symbols: []\nexchanges:\n  okx: {enabled: no}\n  bybit: {symbols: [BTCUSDT]}\n",
         "exchanges.binance.symbols", 2),
        ("feeds:\n  {" + ", ".join(f"{name}: {{enabled: no}}" for name in FEEDS) + "}",
         "feeds", 1),
        ("connection:\n  backoff_s: 5\n  backoff_max_s: 1", "connection.backoff_s", 2),
        ("redis:\n  url: redis://10.0.0.1\n  embedded: always", "redis.embedded", 3),
        ("redis:\n  url: unix:///tmp/x\n  embedded: always", "redis.embedded", 3),
        ("exchanges:\n  bybit:\n    endpoints:\n      usdm: {}\n      linear: {}",
         "exchanges.bybit.endpoints.linear", 5),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together(text: str, key: str, line: int) -> None:
    assert faults(text) == [(key, line)], str(refused(text))


def test_agreement_is_checked_besides_other_faults_but_not_on_top_of_them() -> None:
    text = (
        "connection: {backoff_s: 5, backoff_max_s: x}\n"
        "redis: {url: redis://10.0.0.1, embedded: always}"
    )
    assert faults(text) == [("connection.backoff_max_s", 1), ("redis.embedded", 2)]
    assert faults("symbols: [x]\nfeeds: {}\nlog: {level: x}") == [
        ("symbols[0]", 1),
        ("log.level", 3),
    ]


def test_too_many_problems_are_cut() -> None:
    error = refused("\n".join(f"key{i}: 1" for i in range(5000)))
    assert len(error.problems) == MAX_PROBLEMS + 1
    assert error.problems[-1].message == "more than 100 problems"


# --- hash and difference -----------------------------------------------------------------


def test_hash_knows_settings_but_no_secrets() -> None:
    plain = loads("", {})
    assert config_hash(plain) == config_hash(Config())
    assert re.fullmatch("[0-9a-f]{64}", config_hash(plain))
    assert config_hash(loads("", {"BINANCE_API_KEY": "abcdef"})) == config_hash(plain)
    one, two = (loads(f"redis: {{url: 'redis://:{pw}@127.0.0.1:6379/0'}}", {}) for pw in "ab")
    assert config_hash(one) == config_hash(two)
    assert config_hash(loads("feeds: {depth: {levels: 999}}", {})) != config_hash(plain)
    assert config_hash(loads("symbols: [ETHUSDT]", {})) != config_hash(plain)


def test_diff_names_the_keys() -> None:
    old = loads("symbols: [ETHUSDT]\nlog: {level: debug}", {})
    new = loads("feeds: {depth: {levels: 5}}\nlog: {level: debug}", {"BINANCE_API_KEY": "abc"})
    assert diff(old, old) == []
    assert diff(old, new) == ["symbols", "exchanges.binance.api_key", "feeds.depth.levels"]


# --- what may change while it runs --------------------------------------------------------


def test_hot_keys_are_those_that_the_shipped_file_marks() -> None:
    """A section that is marked [hot] says of its exceptions that they need a restart."""
    lines = (CONFIGS / "config.yaml").read_text("utf-8").splitlines()
    for key, _ in rows(Config()):
        at = _line_of(lines, key)
        sections = [".".join(key.split(".")[:n]) for n in range(1, key.count(".") + 2)]
        marked = any("[hot]" in _comment(lines, _line_of(lines, name)) for name in sections)
        cold = "restart" in _comment(lines, at).lower()
        if key.startswith("exchanges.") and key.endswith(".symbols"):
            marked = True  # said once, at the first exchange
        assert is_hot(key) == (marked and not cold), key


def _comment(lines: list[str], at: int) -> str:
    above = at
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    return " ".join(line.partition("#")[2] for line in lines[above : at + 1])


def test_the_hot_part_leaves_the_rest_as_it_was() -> None:
    old = loads("symbols: [ETHUSDT]\nhttp: {port: 1}\nlog: {level: debug, format: json}", {})
    new = loads(
        "symbols: [BTCUSDT]\nhttp: {port: 2}\nlog: {level: error, format: console}\n"
        "exchanges: {okx: {symbols: [SOLUSDT], enabled: false}}\n"
        "feeds: {ticker: {enabled: no}, funding: {max_age_s: 5}, depth: {levels: 7}}\n"
        "safety: {resync: {max_per_minute: 7}}",
        {},
    )
    mixed = hot_part(old, new)
    assert diff(old, mixed) == [
        "symbols", "exchanges.okx.symbols", "feeds.funding.max_age_s", "feeds.ticker.enabled",
        "safety.resync.max_per_minute", "log.level",
    ]  # fmt: skip
    assert diff(mixed, new) == [
        "exchanges.okx.enabled", "feeds.depth.levels", "http.port", "log.format",
    ]  # fmt: skip
    assert hot_part(new, new) == new
