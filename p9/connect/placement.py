"""Which topics share a connection: as few connections as the venue's limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from p9.connect.lane import Topic
from p9.venues import DEPTH, Limits


def fits(limits: Limits, load: Sequence[Topic], more: Sequence[Topic]) -> bool:
    """May one connection carry all of these?"""
    every = [*load, *more]
    if len(every) > limits.topics_per_connection:
        return False
    if limits.chars_per_connection and (
        sum(len(topic.name) for topic in every) > limits.chars_per_connection
    ):
        return False
    return not limits.books_per_connection or (
        sum(topic.row.feed == DEPTH for topic in every) <= limits.books_per_connection
    )


def pack(
    limits: Limits,
    loads: Sequence[Sequence[Topic]],
    topics: Iterable[Topic],
) -> tuple[dict[int, list[Topic]], list[list[Topic]]]:
    """(index of an existing load -> what it takes besides, new loads).

    All topics of an instrument stay together, as far as they are its own.
    """
    now = [list(load) for load in loads]
    added: dict[int, list[Topic]] = {}
    fresh: list[list[Topic]] = []
    groups: dict[int | str, list[Topic]] = {}
    for topic in topics:
        groups.setdefault(topic.name if topic.row.shared else topic.number, []).append(topic)
    for group in groups.values():
        for index, load in enumerate(now):
            if fits(limits, load, group):
                load.extend(group)
                added.setdefault(index, []).extend(group)
                break
        else:
            if not fresh or not fits(limits, fresh[-1], group):
                fresh.append([])
            fresh[-1].extend(group)
    return added, fresh
