"""What venues say of the connection itself."""
# ruff: noqa: E501 - a frame is one line, as it comes over the wire

from __future__ import annotations

# endpoint, frame, (kind, id, code, msg, topic)
CONTROLS: list[tuple[str, str, tuple[str, str, str, str, str]]] = [
    ("binance:spot", '{"result":null,"id":11}', ("ack", "11", "", "", "")),
    ("binance:linear", '{"id":12,"result":null}', ("ack", "12", "", "", "")),
    ("binance:spot", '{"result":["ethusdt@depth@100ms"],"id":13}', ("ack", "13", "", "", "")),
    ("binance:spot", '{"result":true,"id":15}', ("ack", "15", "", "", "")),
    (
        "binance:spot",
        '{"code":2,"msg":"Invalid request: unknown variant","id":7}',
        ("error", "7", "2", "Invalid request: unknown variant", ""),
    ),
    (
        "binance:spot",
        '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 2"}',
        ("error", "", "3", "Invalid JSON: expected value at line 1 column 2", ""),
    ),
    (
        "binance:linear",
        '{"error":{"code":2,"msg":"Invalid request"},"id":"a-1"}',
        ("error", "a-1", "2", "Invalid request", ""),
    ),
    (
        "binance:spot",
        '{"e":"serverShutdown","E":1795305600000}',
        ("notice", "", "serverShutdown", "serverShutdown", ""),
    ),
    (
        "binance:spot",
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1795305600000}}',
        ("notice", "", "serverShutdown", "serverShutdown", ""),
    ),
    (
        "bybit:spot",
        '{"success":true,"ret_msg":"pong","conn_id":"0a1b-77","op":"ping"}',
        ("pong", "", "", "pong", "ping"),
    ),
    (
        "bybit:linear",
        '{"success":true,"ret_msg":"pong","conn_id":"0a1b-77","req_id":"h-4","op":"ping"}',
        ("pong", "h-4", "", "pong", "ping"),
    ),
    ("bybit:linear", '{"args":["1795305600123"],"op":"pong"}', ("pong", "", "", "", "pong")),
    (
        "bybit:spot",
        '{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"s-17","op":"subscribe"}',
        ("ack", "s-17", "", "subscribe", "subscribe"),
    ),
    (
        "bybit:linear",
        '{"success":true,"ret_msg":"","conn_id":"c","req_id":"u-18","op":"unsubscribe"}',
        ("ack", "u-18", "", "", "unsubscribe"),
    ),
    (
        "bybit:linear",
        '{"success":true,"conn_id":"c","data":{"failTopics":[],"successTopics":["tickers.X"]},"type":"COMMAND_RESP"}',
        ("ack", "", "", "", ""),
    ),
    (
        "bybit:linear",
        '{"success":false,"ret_msg":"error:handler not found,topic:orderbook.500.SOLUSDT","conn_id":"c","req_id":"s-1","op":"subscribe"}',
        ("error", "s-1", "", "error:handler not found,topic:orderbook.500.SOLUSDT", "subscribe"),
    ),
    (
        "bybit:spot",
        '{"success":false,"ret_msg":"Invalid symbol :[orderbook.50.NOPE]","conn_id":"c","req_id":"s-2","op":"subscribe"}',
        ("error", "s-2", "", "Invalid symbol :[orderbook.50.NOPE]", "subscribe"),
    ),
    ("okx", "pong", ("pong", "", "", "", "")),
    (
        "okx",
        '{"id":"a1","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"connId":"7f3c21ab"}',
        ("ack", "a1", "", "", "trades:BTC-USDT-SWAP"),
    ),
    (
        "okx",
        '{"id":"a2","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP","connId":"7f3c21ab"}}',
        ("ack", "a2", "", "", "books:BTC-USDT-SWAP"),
    ),
    (
        "okx",
        '{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"7f3c21ab"}',
        ("ack", "", "", "", "liquidation-orders:SWAP"),
    ),
    (
        "okx",
        '{"id":"a1","event":"error","code":"60018","msg":"Wrong URL or channel:tradez,instId:BTC-USDT-SWAP doesn\'t exist.","connId":"7f3c21ab"}',
        (
            "error",
            "a1",
            "60018",
            "Wrong URL or channel:tradez,instId:BTC-USDT-SWAP doesn't exist.",
            "",
        ),
    ),
    (
        "okx",
        '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"7f3c21ab"}',
        (
            "notice",
            "",
            "64008",
            "The connection will soon be closed for a service upgrade. Please reconnect.",
            "",
        ),
    ),
    (
        "okx",
        '{"event":"channel-conn-count","channel":"orders","connCount":"2","connId":"7f3c21ab"}',
        ("other", "", "", "", ""),
    ),
]
