"""YAML text -> a small tree with line numbers, the environment put in. Knows no key of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from p9.config.errors import Report
from p9.secret import scrub

MAX_BYTES = 1 << 20
MAX_NODES = 20_000
MAX_DEPTH = 32
MAX_SHOWN_CHARS = 60

_VARIABLE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<body>[^{}]*)(?P<end>\})?")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>.*))?", re.DOTALL)
_REFUSED = "refused"
_KINDS = {
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:bool": "flag",
    "tag:yaml.org,2002:int": "number",
    "tag:yaml.org,2002:float": "number",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    line: int
    text: str
    kind: str = "text"
    """"text", "number", "flag" or "nothing", by the rules of YAML 1.1."""
    quoted: bool = False
    substituted: bool = False
    """There was a ${...} in it."""
    variables: tuple[str, ...] = ()
    """Environment variables whose values are in the text: it may be a secret then."""

    def shown(self) -> str:
        """For an error text. What came from the environment is named, never shown."""
        if self.variables:
            return "the value of " + " ".join(f"${{{name}}}" for name in self.variables)
        if self.kind == "nothing":
            return "nothing"
        return show(self.text) + (" in quotes" if self.quoted else "")


@dataclass(frozen=True, slots=True)
class Items:
    line: int
    items: tuple[Tree, ...]

    def shown(self) -> str:
        return "a list"


@dataclass(frozen=True, slots=True)
class Table:
    line: int
    entries: dict[str, tuple[int, Tree]]
    """key -> (line of the key, value)"""

    def shown(self) -> str:
        return "a section"


@dataclass(frozen=True, slots=True)
class Refused:
    """Something already reported; nothing more is said about it."""

    line: int


Tree = Scalar | Items | Table | Refused


class SourceError(Exception):
    """The text is no YAML that can be read on from here."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def show(text: str) -> str:
    """Foreign text for an error message: short, printable, without passwords."""
    text = scrub(text)  # before the cut, which could hide where a password ends
    return repr(text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…")


def show_key(key: str) -> str:
    return key if key.isprintable() and scrub(key) == key and len(key) <= 60 else show(key)


def parse(data: bytes, environ: Mapping[str, str], report: Report) -> Tree | None:
    """The one document of the file; None for an empty one. Faults go to `report`;
    SourceError where nothing more can be read."""
    if len(data) > MAX_BYTES:
        raise SourceError(0, f"larger than {MAX_BYTES} bytes, this is no configuration")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(line, "not UTF-8 text") from None
    node = _compose(text, report)
    return None if node is None else _Reader(environ, report).tree(node, "")


def _compose(text: str, report: Report) -> yaml.Node | None:
    composer = None
    try:
        composer = _Composer(text, report)
        return composer.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SourceError(line, "a control character, this is no YAML text") from None
    except yaml.MarkedYAMLError as error:
        # str(error) would quote the file, which may hold a password
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 0
        raise SourceError(line, f"not valid YAML: {scrub(said)}") from None
    except (yaml.YAMLError, ValueError, OverflowError, IndexError, AttributeError, TypeError):
        # PyYAML lets a few faults of the text out as they are, e.g. "\UFFFFFFFF"
        line = composer.line + 1 if composer is not None else 0
        raise SourceError(line, "not valid YAML") from None


class _Composer(yaml.SafeLoader):
    """PyYAML's composer with bounds, and without aliases, anchors and tags: no file of ours
    needs them, and aliases can make a small file huge."""

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self._report = report
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise SourceError(line, f"more than {MAX_NODES} entries")
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self._report.add("", line, "YAML aliases (*name) are not supported")
            mark: Any = event.start_mark
            return yaml.ScalarNode(_REFUSED, "", mark, mark)
        for attribute, name in (("anchor", "anchors (&name)"), ("tag", "tags (!name)")):
            if getattr(event, attribute) is not None:
                self._report.add("", line, f"YAML {name} are not supported")
                setattr(event, attribute, None)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SourceError(line, f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reader:
    """yaml nodes -> Tree, keys checked for being text and unique, `${NAME}` replaced."""

    def __init__(self, environ: Mapping[str, str], report: Report) -> None:
        self._environ = environ
        self._report = report
        self._room = MAX_BYTES  # characters that the environment may still add
        self._resolver: Any = yaml.SafeLoader("")

    def tree(self, node: yaml.Node, key: str) -> Tree:
        line = node.start_mark.line + 1
        if node.tag == _REFUSED:
            return Refused(line)
        if isinstance(node, yaml.MappingNode):
            return self._table(node, key, line)
        if isinstance(node, yaml.SequenceNode):
            items = (self.tree(item, f"{key}[{i}]") for i, item in enumerate(node.value))
            return Items(line, tuple(items))
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, key, line)

    def _table(self, node: yaml.MappingNode, key: str, line: int) -> Table:
        entries: dict[str, tuple[int, Tree]] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if key_node.tag == _REFUSED:
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._report.add(key, key_line, "a key must be a plain word")
                continue
            name = key_node.value
            dotted = f"{key}.{show_key(name)}" if key else show_key(name)
            value = self.tree(value_node, dotted)
            if name in entries:
                first = entries[name][0]
                self._report.add(dotted, key_line, f"given twice, first on line {first}")
                continue
            entries[name] = (key_line, value)
        return Table(line, entries)

    def _scalar(self, node: yaml.ScalarNode, key: str, line: int) -> Scalar | Refused:
        text, tag, quoted = node.value, node.tag, node.style is not None
        names: list[str] = []
        try:
            if "${" in text:
                text, names = self._substitute(text)
                if not quoted:
                    tag = self._resolver.resolve(yaml.ScalarNode, text, (True, False))
            text.encode()
        except UnicodeEncodeError:
            said = f"the value of ${{{names[0]}}} is" if names else "found"
            self._report.add(key, line, f"{said} no valid Unicode text")
            return Refused(line)
        except ValueError as error:
            self._report.add(key, line, str(error))
            return Refused(line)
        kind = _KINDS.get(tag, "text")
        return Scalar(line, text, kind, quoted, "${" in node.value, tuple(names))

    def _substitute(self, text: str) -> tuple[str, list[str]]:
        """ValueError says what is wrong; it never holds a value from the environment."""
        parts: list[str] = []
        names: list[str] = []
        end = 0
        for match in _VARIABLE.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match["escaped"]:
                parts.append("${")
                continue
            value, name = self._value(match)
            parts.append(value)
            if name:
                names.append(name)
            self._room -= len(value)
            if self._room < 0:
                raise ValueError(f"the environment adds more than {MAX_BYTES} bytes")
        return "".join(parts) + text[end:], names

    def _value(self, match: re.Match[str]) -> tuple[str, str]:
        """(value, the variable it is from, or "" for a default of the file)."""
        body = _BODY.fullmatch(match["body"])
        if not match["end"]:
            raise ValueError("'${' without '}'; write ${NAME}, ${NAME:-default}, or $${ for '${'")
        if body is None:
            raise ValueError(f"found {show(match[0])}; write ${{NAME}} or ${{NAME:-default}}")
        name = body["name"]
        value = self._environ.get(name, "")
        # As in a shell, ":-" stands in for an empty value too.
        if not value and body["rest"]:
            return body["default"], ""
        if name not in self._environ:
            raise ValueError(f"${{{name}}} is not set; set it, or write ${{{name}:-default}}")
        return value, name
