"""Runs a function in a process of its own, so that a crash is a failed test."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any


def in_child(function: Callable[[], Any]) -> Any:
    """The function's result; AssertionError where it raised or its process died."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer: tuple[bool, Any] = (True, function())
        except BaseException:
            answer = (False, traceback.format_exc())
        with os.fdopen(writing, "wb") as out:
            pickle.dump(answer, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as source:
        text = source.read()
    _, status = os.waitpid(pid, 0)
    assert not os.WIFSIGNALED(status), f"the process died of signal {os.WTERMSIG(status)}"
    ok, answer = pickle.loads(text)
    assert ok, answer
    return answer
