"""The environment in a configuration, and that nothing of it (or of any secret) is shown."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import pytest

from p9.config import ConfigError, describe, loads, secrets
from p9.config.urls import redis_url


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


# --- environment -------------------------------------------------------------------------


def test_environment_values_are_typed_again() -> None:
    environ = {"PORT": "1234", "ON": "false", "WHERE": "10.0.0.1", "LVL": "debug", "N": "77"}
    config = loads(
        "http: {port: 9}\nlog:\n  level: ${LVL}\n"
        "redis:\n  url: redis://${WHERE}:${PORT}/${DB:-3}\n  prefix: ${N}\n"
        "feeds:\n  bbo:\n    enabled: ${ON}\n  depth:\n    levels: ${LEVELS:-50}\n",
        environ,
    )
    assert config.log.level == "debug"
    assert config.redis.url.reveal() == "redis://10.0.0.1:1234/3"
    assert config.redis.prefix == "77"
    assert config.feeds.bbo.enabled is False
    assert config.feeds.depth.levels == 50
    assert loads("http:\n  port: ${PORT}", environ).http.port == 1234
    assert "in quotes" not in only('http:\n  port: "${PORT}"', environ)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${NOPE}", "${NOPE} is not set; set it, or write ${NOPE:-default}"),
        ("a${NOPE}b", "${NOPE} is not set"),
        ("${}", "write ${NAME}"),
        ("${A-B}", "write ${NAME}"),
        ("${1A}", "write ${NAME}"),
        ("${A", "without '}'"),
        ("${A${B}}", "without '}'"),
    ],
)
def test_bad_substitutions(value: str, said: str) -> None:
    error = refused(f"log:\n  level: {value}")
    assert [(p.key, p.line) for p in error.problems] == [("log.level", 2)]
    assert said in str(error)


def test_unset_names_are_all_reported_with_other_faults() -> None:
    text = "http:\n  port: 0x1\n  host: ${H}\nsymbols:\n  - ${S}\n  - '${T}'\n"
    assert faults(text) == [("http.port", 2), ("http.host", 3), ("symbols[0]", 5),
                            ("symbols[1]", 6)]  # fmt: skip


def test_empty_counts_as_unset_for_the_default_only() -> None:
    assert loads("log:\n  level: ${L:-error}", {"L": ""}).log.level == "error"
    assert "the value of ${L}" in only("log:\n  level: ${L}", {"L": ""})


def test_a_default_is_no_secret_and_a_number_may_be_text() -> None:
    assert only("log:\n  level: ${L:-loud}").startswith("found 'loud'")
    assert loads("redis:\n  prefix: ${P:-77}", {}).redis.prefix == "77"
    assert "quote it" in only("redis:\n  prefix: 77")


def test_escape_and_no_second_substitution() -> None:
    assert "'${X}'" in only("log:\n  level: $${X}")
    assert "${Y}" not in only("log:\n  level: ${X}", {"X": "${Y}", "Y": "info"})


def test_the_environment_cannot_blow_it_up() -> None:
    assert "adds more than" in only(f"log:\n  level: {'${X}' * 1000}", {"X": "x" * 100_000})


def test_undecodable_environment_is_reported() -> None:
    error = refused("log:\n  level: ${L}", {"L": "\udcff"})
    str(error).encode()
    assert "no valid Unicode" in str(error)


# --- secrets -----------------------------------------------------------------------------

SECRET = "s3cr3t.Hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"redis: {{url: 'redis://u:{SECRET}@h:99999/0'}}",
        f"redis: {{url: 'http://u:{SECRET}@h'}}",
        f"redis: {{url: 'redis://u:{SECRET}@h:{SECRET}/0'}}",
        f"redis: {{url: 'redis://:{SECRET}/x@h/0'}}",
        f"redis: {{url: 'redis://[{SECRET}'}}",
        f"redis: {{url: 'redis://h/{SECRET}'}}",
        f"redis: {{url: 'unix:///x?password={SECRET}'}}",
        f"redis: {{url: '{SECRET}'}}",
        f"redis: {{url: ['redis://:{SECRET}@h']}}",
        f"redis: redis://:{SECRET}@h/0",
        f"rediss://:{SECRET}@h/0",
        f"redis: {{'redis://:{SECRET}@h/0': 1}}",
        f"redis: {{password: {SECRET}}}",
        f"symbols: ['redis://:{SECRET}@h/0']",
        f"exchanges: {{okx: {{endpoints: {{rest: 'https://u:{SECRET}@h'}}}}}}",
        f"exchanges: {{okx: {{endpoints: {{rest: 'https://{'u' * 400}:{SECRET}@h'}}}}}}",
        f"exchanges: {{okx: {{api_key: {SECRET}}}}}",
        f"exchanges: {{binance: {{api_key: '{SECRET} '}}}}",
        f"exchanges: {{binance: {{api_key: [{SECRET}]}}}}",
        f"exchanges: {{binance: {{api_key: {{{SECRET}: 1}}}}}}",
        f"exchanges: {{binance: {{api_key: {SECRET}, apikey: {SECRET}}}}}",
        f"exchanges: {{binance: {{api_key: '{SECRET}\n",
        f"redis: {{url: 'redis://:{SECRET}@h\n  : x",
        "http:\n  port: ${PW}",
        "http:\n  host: x${PW}y z",
        "log:\n  level: ${PW}",
        "symbols:\n  - ${PW}",
        "symbols:\n  - ${UPPER}\n  - ${UPPER}",
        "redis:\n  url: redis://h:${PW}/0",
        "exchanges:\n  binance:\n    api_key: ${PW} x",
        "redis:\n  tls_ca: ${PW}",
    ],
)
def test_no_error_shows_a_secret(text: str) -> None:
    error = refused(text, {"PW": SECRET, "UPPER": "UPPERSECRET"})
    assert "UPPERSECRET" not in str(error)
    assert SECRET not in str(error)
    assert SECRET not in repr(error)
    assert SECRET not in repr(error.problems)
    assert SECRET not in "".join(traceback.format_exception(error))


def test_no_view_of_a_config_shows_a_secret() -> None:
    environ = {"BINANCE_API_KEY": SECRET, "PW": "p%40ss%2Fw" + SECRET}
    config = loads("redis:\n  url: redis://me:${PW}@db.local:6380/2", environ)
    views = [repr(config), str(config), repr(describe(config)), repr(config.redis.address)]
    views += [f"{config.redis.url}", f"{config.exchanges.binance.api_key:>9}"]
    assert not any(SECRET in view for view in views)
    assert describe(config)["redis.url"] == "redis://me:***@db.local:6380/2"
    assert describe(config)["exchanges.binance.api_key"] == "***"
    address = config.redis.address
    assert (address.host, address.port, address.db, address.username) == ("db.local", 6380, 2, "me")
    assert address.password.reveal() == "p@ss/w" + SECRET
    assert {SECRET, "p@ss/w" + SECRET, f"redis://me:p%40ss%2Fw{SECRET}@db.local:6380/2"} <= set(
        secrets(config)
    )
    bad = refused("", {"BINANCE_API_KEY": SECRET + "\n"})
    assert SECRET not in str(bad)
    assert [p.key for p in bad.problems] == ["exchanges.binance.api_key"]


def test_redis_url_with_a_lone_user_shows_nothing_of_it() -> None:
    assert str(redis_url("redis://password@h/0")) == "redis://***@h/0"
    assert str(redis_url("unix://:pw@/x?db=1")) == "unix://:***@/x?db=1"
