"""The book against two dictionaries: random batches, windows, pruning, thin, rescale."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p9core.book import L2Book
from tests.models.book import Changes, Levels, SideModel, best, difference, replaced

# Few prices, so that batches hit held levels, repeat prices and delete unknown ones. Long lists,
# which take the other road of the sort, come further below.
CHANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=12)
ORDERED = st.tuples(CHANGES, st.booleans()).map(
    lambda pair: sorted(dict(pair[0]).items(), reverse=pair[1])
)
BATCHES = st.lists(st.tuples(CHANGES | ORDERED, CHANGES | ORDERED), max_size=12)
SHAPES = st.sampled_from([(3, 0), (1, 0), (5, 2), (4, 1), (10, 5), (1000, 0), (1000, 500)])


def levels_of(book: L2Book) -> tuple[Levels, Levels]:
    """Both sides; AssertionError unless best first and without a repetition."""
    bids, asks = book.bids(), book.asks()
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert len(dict(bids)) == len(bids)
    assert len(dict(asks)) == len(asks)
    return dict(bids), dict(asks)


class Pair:
    """A book and its model, compared after every step."""

    def __init__(self, keep: int, slack: int) -> None:
        self.book = L2Book(keep, slack)
        self.bid, self.ask = SideModel(True, keep, slack), SideModel(False, keep, slack)
        self.read: tuple[Levels, Levels] = ({}, {})  # what a reader of the changes holds

    def load(self, bids: Changes, asks: Changes, limit: int) -> None:
        self.book.load(bids, asks, limit)
        self.bid.load(bids, limit)
        self.ask.load(asks, limit)
        self.read = levels_of(self.book)
        self.check()

    def apply(self, bids: Changes, asks: Changes) -> None:
        said = self.book.apply(bids, asks)
        self.bid.apply(bids)
        self.ask.apply(asks)
        for batch, changes, side in ((bids, said[0], self.read[0]), (asks, said[1], self.read[1])):
            if len(dict(batch)) == len(batch):  # and not pruned at once
                once = [price for price, _ in changes]
                assert all(
                    side.get(price, 0) != qty for price, qty in changes if once.count(price) == 1
                ), "said a change that changes nothing"
        self.read = (replaced(self.read[0], said[0]), replaced(self.read[1], said[1]))
        self.check()

    def check(self) -> None:
        held = levels_of(self.book)
        assert held == (self.bid.levels, self.ask.levels)
        assert self.read == held, "the changes it tells do not lead to the book it holds"
        top_bid, top_ask = max(held[0], default=None), min(held[1], default=None)
        crossed = top_bid is not None and top_ask is not None and top_bid >= top_ask
        assert self.book.crossed == crossed
        assert self.book.bids(2) == sorted(held[0].items(), reverse=True)[:2]
        assert self.book.asks(2) == sorted(held[1].items())[:2]
        for wanted in (1, 2, 3, 7):
            whole = [side.whole() for side in (self.bid, self.ask)]
            thin = any(count is not None and count < wanted for count in whole)
            assert self.book.thin(wanted) == thin, (wanted, whole)


@settings(max_examples=400, deadline=None)
@given(SHAPES, CHANGES, CHANGES, st.sampled_from([0, 1, 3, 5]), BATCHES)
def test_any_batch(
    shape: tuple[int, int],
    bids: Changes,
    asks: Changes,
    limit: int,
    batches: list[tuple[Changes, Changes]],
) -> None:
    pair = Pair(*shape)
    pair.load(bids, asks, limit)
    for number, (one, other) in enumerate(batches):
        pair.apply(one, other)
        if number == 5:
            pair.load(other, one, limit)


@pytest.mark.parametrize("seed", range(12))
def test_deep_books_in_every_order(seed: int) -> None:
    """Longer than hypothesis likes: floors are crossed both ways, lists rise, fall, or neither."""
    random = Random(seed)
    keep, slack = random.choice([(60, 10), (200, 0), (100, 40), (8000, 512)])
    pair = Pair(keep, slack)
    for step in range(150):
        middle = 5000 + random.randint(-80, 80)
        batch: tuple[Changes, Changes] = ([], [])
        for side, sign in ((0, -1), (1, 1)):
            for _ in range(random.choice([0, 1, 3, 20, 120])):
                price = middle + sign * int(random.expovariate(0.02)) + sign
                batch[side].append((price, random.choice([0, random.randint(1, 9)])))
            order = random.random()
            if order < 0.8:  # what venues send: sorted, each price once
                unique = sorted(dict(batch[side]).items(), reverse=order < 0.4)
                batch[side][:] = unique
        if step % 60 == 0:
            pair.load(*batch, limit=random.choice([0, 10]))
        else:
            pair.apply(*batch)


@pytest.mark.parametrize("says_deletes", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_window_is_the_venues_window(seed: int, says_deletes: bool) -> None:
    """The venue sends what enters its best 20 levels; what leaves it, it may or may not say."""
    random = Random(seed)
    truth = dict.fromkeys(range(1, 60), 1)
    book = L2Book(20, 0)
    window = best(truth, True, 20)
    book.load(sorted(window.items()), [])
    for _ in range(400):
        for _ in range(random.randint(1, 6)):
            price = random.randint(20, 80)
            truth = replaced(truth, [(price, random.choice([0, 0, 5, 7]))])
        after = best(truth, True, 20)
        changes = [
            (price, qty)
            for price, qty in difference(window, after)
            if says_deletes or qty or price not in truth
        ]
        random.shuffle(changes)
        book.apply(changes, [])
        window = after
        assert dict(book.bids()) == window


@pytest.mark.parametrize("seed", range(4))
def test_pruning_neither_resurrects_nor_loses(seed: int) -> None:
    """All changes of an endless market come; what is held is the truth down to the floor."""
    random = Random(seed)
    truth: Levels = {}
    book = L2Book(30, 10)
    lowest = 0
    pruned = False
    for _ in range(1500):
        price = max(1, int(random.gauss(500, 60)))
        qty = random.choice([0, random.randint(1, 9)])
        truth = replaced(truth, [(price, qty)])
        _, asks = book.apply([], [(price, qty)])
        dropped = [level for level, size in asks if size == 0 and level != price]
        if dropped:
            pruned, lowest = True, max(level for level, _ in book.asks())
        held = dict(book.asks())
        assert held.items() <= truth.items(), "a level that is not there"
        if pruned:
            assert held == {p: q for p, q in truth.items() if p <= lowest}, "a level is missing"
    assert pruned


def test_a_snapshot_clears_floor_and_known() -> None:
    book = L2Book(2, 1)
    book.load([(10, 1), (9, 1), (8, 1), (7, 1)], [(11, 1)], 1)
    assert book.bids() == [(10, 1), (9, 1)]
    book.apply([(8, 5)], [])
    assert book.bids() == [(10, 1), (9, 1)], "a level below the floor was taken"
    assert book.thin(3)
    book.load([(10, 1), (9, 1), (8, 1)], [(11, 1)])
    assert book.bids() == [(10, 1), (9, 1), (8, 1)]
    assert not book.thin(3)


@settings(max_examples=200, deadline=None)
@given(CHANGES, CHANGES, st.integers(0, 6), st.integers(0, 6), CHANGES)
def test_rescale(bids: Changes, asks: Changes, px: int, qty: int, more: Changes) -> None:
    """A book that was rescaled goes on as one that had those digits from the start."""

    def grown(changes: Changes) -> Changes:
        return [(price * 10**px, size * 10**qty) for price, size in changes]

    book, other = L2Book(6, 2), L2Book(6, 2)
    book.load(bids, asks, 3)
    other.load(grown(bids), grown(asks), 3)
    book.rescale(px, qty)
    for step in ([], grown(more)):
        assert book.apply(step, step) == other.apply(step, step)
        assert levels_of(book) == levels_of(other)
        assert [book.thin(n) for n in (1, 2, 3, 7)] == [other.thin(n) for n in (1, 2, 3, 7)]


@pytest.mark.parametrize(("px", "qty"), [(1, 0), (0, 1), (18, 18)])
def test_rescale_out_of_int64_is_an_error_and_changes_nothing(px: int, qty: int) -> None:
    """Both sides are looked at before one is touched."""
    most = 2**63 // 10 + 1
    book = L2Book()
    book.load([(3, 3), (2, 2)], [(most, 1), (4, most)])
    with pytest.raises(OverflowError):
        book.rescale(px, qty)
    assert book.bids() == [(3, 3), (2, 2)]
    assert book.asks() == [(4, most), (most, 1)]


def test_bad_arguments() -> None:
    for keep, slack in ((0, 0), (-1, 0), (1, -1)):
        with pytest.raises(ValueError, match="keep"):
            L2Book(keep, slack)
    book = L2Book()
    with pytest.raises(ValueError, match="negative"):
        book.apply([(1, -1)], [])
    with pytest.raises(OverflowError):
        book.apply([(2**63, 1)], [])
    with pytest.raises((TypeError, ValueError)):
        book.apply([(1, 2, 3)], [])  # type: ignore[list-item]
    assert book.bids() == []


def test_a_thousand_levels_fit_the_promised_memory() -> None:
    book = L2Book(1000, 0)
    random = Random(1)
    levels = dict.fromkeys(range(1, 1001), 1)
    book.load(sorted(levels.items()), [(2000 + price, 1) for price in range(1000)])
    for _ in range(3000):
        price = random.randint(1, 1999)
        book.apply([(price, random.choice([0, 3]))], [(2000 + price, random.choice([0, 3]))])
    assert book.nbytes <= 48 * 1024
