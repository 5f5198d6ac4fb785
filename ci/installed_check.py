"""Checks an installed p9, run away from its source tree: `installed_check.py WHEEL`.

The wheel holds what it should, every name of the stubs exists in the compiled modules and the
other way round, and the commands work on a recording made here.
"""

from __future__ import annotations

import ast
import gzip
import importlib
import inspect
import json
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

BASE_NS = 1_700_000_000_000_000_000


# --- stubs ---------------------------------------------------------------------------------


def stub_faults() -> list[str]:
    """What the stubs of p9core say that its modules do not, and what they leave out."""
    package = importlib.import_module("p9core")
    root = Path(package.__path__[0])
    faults = []
    compiled = {
        ".".join(("p9core", *path.relative_to(root).parent.parts, path.name.partition(".")[0]))
        for path in root.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}")
    }
    stubbed = set()
    for path in sorted(root.rglob("*.pyi")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(("p9core", *(part for part in parts if part != "__init__")))
        stubbed.add(name)
        module = importlib.import_module(name)
        faults += [f"{name}: {fault}" for fault in _module_faults(module, path)]
    faults += [f"{name}: no stub" for name in sorted(compiled - stubbed) if _public(name)]
    return faults


def _public(name: str) -> list[str]:
    """Classes and functions that a module defines for others."""
    module = importlib.import_module(name)
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (isinstance(value, type) or callable(value))
        and getattr(value, "__module__", None) == name
    ]


def _module_faults(module: ModuleType, stub: Path) -> Iterator[str]:
    tree = ast.parse(stub.read_text())
    named = set()
    for name, node in _definitions(tree.body):
        named.add(name)
        if not hasattr(module, name):
            yield f"{name} is in the stub only"
            continue
        value = getattr(module, name)
        if isinstance(node, ast.ClassDef):
            for member, definition in _definitions(node.body):
                if not hasattr(value, member):
                    yield f"{name}.{member} is in the stub only"
                else:
                    yield from _signature_faults(
                        f"{name}.{member}", getattr(value, member), definition
                    )
        else:
            yield from _signature_faults(name, value, node)
    for name in _public(module.__name__):
        if name not in named:
            yield f"{name} is not in the stub"


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name.startswith("_") and not node.name.endswith("__"):
                continue  # a helper of the stub itself
            yield node.name, node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def _signature_faults(name: str, value: object, node: ast.stmt) -> Iterator[str]:
    """Parameter names, where the compiled function tells its own."""
    if not isinstance(node, ast.FunctionDef) or not callable(value) or isinstance(value, type):
        return
    try:
        parameters = list(inspect.signature(value).parameters)
    except (ValueError, TypeError):
        return
    arguments = node.args
    said = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list):
        return
    if parameters and said and "args" not in parameters and parameters != said:
        yield f"{name}({', '.join(parameters)}) is ({', '.join(said)}) in the stub"


# --- the wheel -----------------------------------------------------------------------------


def wheel_faults(wheel: Path) -> list[str]:
    names = zipfile.ZipFile(wheel).namelist()
    faults = [
        f"the wheel holds no {suffix}"
        for suffix in ("p9/py.typed", "p9core/py.typed", ".so", ".pyi", ".pxd", ".hpp", "LICENSE")
        if not any(name.endswith(suffix) for name in names)
    ]
    faults += [f"{name} is in the wheel" for name in names if name.endswith((".pyx", ".cpp"))]
    faults += [
        f"{name} is in the wheel"
        for name in names
        if not name.startswith(("p9/", "p9core/", "p9_microstream-"))
    ]
    return faults


# --- the commands --------------------------------------------------------------------------


def recording() -> list[dict[str, object]]:
    """Binance spot: a book that starts from REST, two updates, two trades, a quote."""

    def data(stream: str, **fields: object) -> str:
        return json.dumps({"stream": f"btcusdt@{stream}", "data": {"s": "BTCUSDT", **fields}})

    def depth(first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> str:
        return data(
            "depth@100ms", e="depthUpdate", E=1_700_000_000_000, U=first, u=last, b=bids, a=asks
        )

    def trade(number: int, price: str) -> str:
        return data(
            "trade", e="trade", E=1_700_000_000_001, t=number, p=price, q="0.50000000",
            T=1_700_000_000_000, m=False, M=True,
        )  # fmt: skip

    book = {
        "lastUpdateId": 10,
        "bids": [["42000.10000000", "1.50000000"], ["42000.00000000", "2.00000000"]],
        "asks": [["42000.20000000", "0.25000000"]],
    }
    ws = "wss://stream.binance.com:9443/stream?streams=btcusdt@trade"
    url = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000"
    quote = data("bookTicker", u=13, b="42000.10", B="1.50", a="42000.20", A="0.25")
    rows: list[dict[str, object]] = [
        {"k": "connect", "conn": "a", "url": ws},
        {"k": "recv", "conn": "a", "raw": depth(9, 11, [["42000.00000000", "0"]], [])},
        {"k": "rest", "url": url, "raw": json.dumps(book)},
        {"k": "recv", "conn": "a", "raw": depth(12, 13, [], [["42000.30000000", "7"]])},
        {"k": "recv", "conn": "a", "raw": trade(1, "42000.20000000")},
        {"k": "recv", "conn": "a", "raw": trade(2, "42000.20000000")},
        {"k": "recv", "conn": "a", "raw": quote},
    ]
    return [{**row, "recv_ns": BASE_NS + n * 1_000_000} for n, row in enumerate(rows)]


def run(*arguments: str, status: int = 0) -> str:
    command = [sys.executable, "-P", "-m", "p9", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def check_commands() -> None:
    version = run("version")
    import p9

    if p9.__version__ not in version or "simdjson" not in version:
        sys.exit(f"version says only:\n{version}")
    run("check")
    run("replay", "no-such-file.jsonl", status=2)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "tiny.jsonl.gz"), Path(folder, "out")
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in recording()).encode()))
        written = []
        for _ in range(2):
            run("replay", str(path), "--out", str(out), "--strict")
            written.append(out.read_bytes())
        if written[0] != written[1]:
            sys.exit("a replay twice gives different bytes")
        messages: dict[str, list[dict[str, object]]] = {}
        for line in written[0].decode().splitlines():
            channel, _, text = line.partition(" ")
            messages.setdefault(channel, []).append(json.loads(text))
        trades = messages.get("trade:binance:BTCUSDT", [])
        if [trade["id"] for trade in trades] != ["1", "2"]:
            sys.exit(f"trades of the replay: {trades}")
        depths = messages.get("depth:binance:BTCUSDT", [])
        if [depth.get("last_id") for depth in depths][-1:] != [13]:
            sys.exit(f"depth of the replay: {depths}")
        if len(messages.get("bbo:binance:BTCUSDT", [])) != 1:
            sys.exit(f"channels of the replay: {sorted(messages)}")


def main() -> None:
    import p9
    import p9core

    for module in (p9, p9core):
        if not Path(str(module.__file__)).is_relative_to(sysconfig.get_path("platlib")):
            sys.exit(f"{module.__file__} is not the installed one")
    faults = [*wheel_faults(Path(sys.argv[1])), *stub_faults()]
    if faults:
        sys.exit("\n".join(faults))
    check_commands()
    print("installed wheel: contents, stubs, version, check and replay are right")


if __name__ == "__main__":
    main()
