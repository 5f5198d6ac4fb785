"""The URLs of a configuration: venue endpoints and the address of Redis."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from p9.secret import MASK, Secret

REDIS_FORMS = (
    "redis://[user:password@]host[:port][/db], rediss://… (TLS), "
    "unix://[user:password@]/path[?db=N]"
)
MAX_URL_CHARS = 2048
MAX_DB = 16_383
DEFAULT_REDIS_PORT = 6379

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PRINTABLE = re.compile(r"[!-~]+")
# urlsplit is not used: its errors quote parts of the URL, and it drops characters silently.
_PARTS = re.compile(
    r"(?P<user>[^/?#]*@)?(?P<netloc>[^/?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is. `path` is set for a Unix socket, `host` and `port` otherwise."""

    tls: bool
    host: str
    port: int
    path: str
    db: int
    username: str
    password: Secret

    @property
    def is_loopback(self) -> bool:
        return bool(self.host) and is_loopback(self.host)


def is_host(text: str) -> bool:
    """True for a host name, an IPv4 address or an IPv6 address without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # "1.2.3.4.5" and "999.1.1.1" look like names, but no name ends in a number
        last = text.rstrip(".").rpartition(".")[2]
        return len(text) <= 253 and not last.isdigit() and _HOST.fullmatch(text) is not None
    return True


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def endpoint_url(text: str, schemes: tuple[str, ...]) -> str:
    """The URL without a trailing "/". ValueError says what is wrong, without the URL."""
    scheme, parts = _split(text)
    if scheme not in schemes:
        raise ValueError("the scheme is none of these")
    if parts["user"] is not None:
        raise ValueError("a user or password in it is not supported")
    if parts["query"] is not None or parts["fragment"] is not None:
        raise ValueError("'?' and '#' are not supported in it")
    _host_and_port(parts["netloc"])
    return f"{scheme}://{parts['netloc']}{parts['path']}".rstrip("/")


def redis_url(text: str) -> Secret:
    """The URL as a secret that shows itself without the password. ValueError as above."""
    redis_address(text)
    scheme, parts = _split(text)
    user = parts["user"] or ""
    # A user without ":" may be a password in the wrong place.
    shown = "" if not user else f"{user.partition(':')[0]}:{MASK}@" if ":" in user else f"{MASK}@"
    return Secret(text, f"{scheme}://{shown}{text.partition('://')[2][len(user) :]}")


def redis_address(text: str) -> RedisAddress:
    """ValueError says what is wrong, and never quotes the URL: it may hold a password."""
    scheme, parts = _split(text)
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError("the scheme is none of these")
    if parts["fragment"] is not None:
        raise ValueError("'#' is not supported in it; in a password write %23")
    username, _, password = (parts["user"] or "").removesuffix("@").partition(":")
    host, port, path = "", 0, ""
    if scheme == "unix":
        path = _unquote(parts["path"])
        if parts["netloc"] or len(path) < 2 or "\0" in path:
            raise ValueError("a Unix socket needs an absolute path, as in unix:///run/redis.sock")
        db = _db_of_query(parts["query"] or "")
    else:
        host, port = _host_and_port(parts["netloc"])
        if parts["query"] is not None:
            raise ValueError("'?' is not supported in it; in a password write %3F")
        db = _db(parts["path"].removeprefix("/") or "0")
    return RedisAddress(
        tls=scheme == "rediss",
        host=host,
        port=(port or DEFAULT_REDIS_PORT) if host else 0,
        path=path,
        db=db,
        username=_unquote(username),
        password=Secret(_unquote(password)),
    )


def _split(text: str) -> tuple[str, re.Match[str]]:
    if len(text) > MAX_URL_CHARS or not _PRINTABLE.fullmatch(text):
        raise ValueError("no URL: blanks, odd characters, or too long")
    scheme, colon, rest = text.partition("://")
    parts = _PARTS.fullmatch(rest)
    if not colon or parts is None:
        raise ValueError("no URL")
    return scheme.lower(), parts


def _unquote(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError("its %-escapes are no UTF-8 text") from None


def _host_and_port(netloc: str) -> tuple[str, int]:
    """The port is 0 where none is given."""
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", netloc)
    if match is None:
        raise ValueError("host and port cannot be told apart; an IPv6 host needs [brackets]")
    host, port = match["v6"] or match["name"] or "", match["port"]
    if not host:
        raise ValueError("the host is missing")
    if (match["v6"] is not None and ":" not in host) or not is_host(host):
        raise ValueError("the host is no host name or address")
    if port is None:
        return host, 0
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError("the port is not 1..65535")
    return host, int(port)


def _db_of_query(query: str) -> int:
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(name == "password" for name, _ in pairs):
        raise ValueError("the password belongs before the path: unix://:password@/path")
    if [name for name, _ in pairs] not in ([], ["db"]):
        raise ValueError("only '?db=N' is supported behind the path")
    return _db(pairs[0][1]) if pairs else 0


def _db(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MAX_DB:
        raise ValueError(f"the database is not 0..{MAX_DB}")
    return int(text)
