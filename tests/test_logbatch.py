"""Stream commands in batches, and what the replies to a transaction mean."""

from __future__ import annotations

import hiredis
import pytest

from p9.publish.logbatch import LogBatch, Transaction, judge, missing
from p9.publish.redis_link import error_word
from tests.fake_engine import FakeEngine, pack
from tests.publishing import CHANNELS


def _error(text: str) -> hiredis.ReplyError:
    return hiredis.ReplyError(text)


SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item"


@pytest.mark.parametrize(
    ("replies", "retry", "refused", "failed"),
    [
        ([b"OK", b"Q", b"Q", [b"1-1", b"1-2"]], "", [], []),
        ([b"OK", b"Q", b"Q", None], "EXEC gave no result", [], []),
        ([b"OK", _error("OOM no"), b"Q", _error("EXECABORT x")], "OOM no", [], []),
        ([b"OK", b"Q", b"Q", _error("EXECABORT because of: MISCONF")],
         "EXECABORT because of: MISCONF", [], []),
        ([b"OK", b"Q", b"Q", _error("LOADING")], "LOADING", [], []),
        ([_error("NOPERM multi"), b"1-1", b"1-2", _error("ERR EXEC without MULTI")],
         "NOPERM multi", [], []),
        ([b"OK", b"Q", b"Q", [b"1-1"]], "EXEC gave no result", [], []),
        ([b"OK", b"Q", b"Q", [_error(SMALL), b"1-2"]], "", [0], []),
        ([b"OK", b"Q", b"Q", [_error(SMALL), _error("OOM no")]], "OOM no", [], []),
        ([b"OK", b"Q", b"Q", [b"1-1", _error("WRONGTYPE x")]], "", [], [(1, "WRONGTYPE x")]),
    ],
)  # fmt: skip
def test_judge(
    replies: list[object], retry: str, refused: list[int], failed: list[tuple[int, str]]
) -> None:
    verdict = judge(replies, 2)
    assert (verdict.retry, verdict.refused, verdict.failed) == (retry, refused, failed)
    assert verdict.clean is (not (retry or refused or failed))


def test_a_refused_id_is_there_only_with_its_own_payload() -> None:
    command = pack("XADD", "log:k", "MAXLEN", "~", 10, "1-2", "m", b"{}")
    assert missing([[b"1-2", [b"m", b"{}"]]], command) == ""
    assert missing([], command) == "refused"
    assert missing([[b"1-2", [b"m", b"}"]]], command) == "id_taken"


def test_commands_are_found_again_in_the_bytes_of_several_batches() -> None:
    engine = FakeEngine(CHANNELS)
    batches = []
    for channels in ((0, 1), (2,), (1, 0, 0)):
        for channel in channels:
            engine.emit(channel)
        output = engine.take_log()
        assert output is not None
        batches.append(LogBatch(*output))
    transaction = Transaction(batches)
    assert transaction.owed == 8
    found = transaction.commands([0, 2, 5])
    assert [(channel, seq) for channel, seq, _ in found] == [(0, 1), (2, 1), (0, 3)]
    assert all(command.startswith(b"*8\r\n$4\r\nXADD") for _, _, command in found)
    assert b"1-3" in found[2][2]


@pytest.mark.parametrize(
    ("text", "word"),
    [("OOM command not", "OOM"), ("ERR x", "ERR"), ("", "other"), ("a b", "other"),
     ("X" * 99, "X" * 24)],
)  # fmt: skip
def test_error_word(text: str, word: str) -> None:
    assert error_word(text) == word
