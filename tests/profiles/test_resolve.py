"""Resolution equals joining links one by one, whatever their order; shared devices join nobody."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.claims import Claims
from profiles.resolve import BREAKS_CLAIM, KEPT, OVER_DEGREE, Nodes, Resolution, resolve

N = 14
MANY = 10**6
links_of = st.sets(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda p: p[0] < p[1]),
    max_size=30,
)
claims_of = st.sets(
    st.tuples(st.integers(0, N - 1), st.integers(0, 2), st.integers(0, 1)), max_size=14
).map(lambda rows: sorted({(n, s): v for n, s, v in sorted(rows)}.items()))


def run(
    links: list[tuple[int, int]], claims: list | tuple = (), shareable: int = 0, cap: int = MANY
) -> Resolution:
    """Nodes below ``shareable`` are shareable; all are of one kind."""
    rows = np.array([(n, s, v) for (n, s), v in claims], np.int64).reshape(-1, 3)
    return resolve(
        Nodes(
            kind=np.zeros(N, np.int64),
            max_degree=np.full(N, cap),
            shareable=np.arange(N) < shareable,
        ),
        np.array(links, np.int64).reshape(-1, 2),
        Claims(node=rows[:, 0], slot=rows[:, 1], value=rows[:, 2]),
    )


def one_by_one(
    links: set[tuple[int, int]], claims: list, shareable: int, cap: int
) -> tuple[list[int], set[tuple[int, int]]]:
    """The procedure as the module states it: (smallest node of the person, refused links)."""
    degree = [sum(n in link for link in links) for n in range(N)]
    cluster = {n: {n} for n in range(N)}
    refused = {link for link in links if max(degree[n] for n in link) > cap}

    def order(link: tuple[int, int]) -> tuple[int, int, int]:
        return (sum(n < shareable for n in link), *link)

    for a, b in sorted(links - refused, key=order):
        together = cluster[a] | cluster[b]
        held = {(s, v) for (n, s), v in claims if n in together}
        if cluster[a] is not cluster[b] and len(held) > len({s for s, _ in held}):
            refused.add((a, b))
        else:
            cluster |= dict.fromkeys(together, together)
    return [min(cluster[n]) for n in range(N)], refused


@settings(max_examples=400, deadline=None)
@given(links_of, claims_of, st.integers(0, N), st.integers(1, 6))
def test_resolve_equals_joining_one_by_one(
    links: set, claims: list, shareable: int, cap: int
) -> None:
    given_order = list(links)
    found = run(given_order, claims, shareable, cap)
    person, refused = one_by_one(links, claims, shareable, cap)
    assert found.person.tolist() == person
    assert {
        link for link, why in zip(given_order, found.reason, strict=True) if why != KEPT
    } == refused


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(12)), links_of, claims_of, st.integers(0, N))
def test_resolve_does_not_depend_on_order_or_direction(
    order: list[int], links: set, claims: list, shareable: int
) -> None:
    given_order = sorted(links)
    shuffled = sorted(given_order, key=lambda p: order[sum(p) % 12])
    turned = [p[::-1] if order[p[0] % 12] % 2 else p for p in shuffled]
    assert np.array_equal(
        run(given_order, claims, shareable).person, run(turned, claims, shareable).person
    )


def test_resolve_of_nothing_is_everybody_alone() -> None:
    assert run([]).person.tolist() == list(range(N))


def test_link_that_gives_two_unique_values_is_refused_with_its_slot() -> None:
    found = run([(0, 2), (1, 2)], [((0, 5), 0), ((1, 5), 1)])
    assert found.person[:3].tolist() == [0, 1, 0]
    assert found.reason.tolist() == [KEPT, BREAKS_CLAIM] and found.slot.tolist() == [-1, 5]


def test_shareable_ends_are_tried_last() -> None:
    found = run([(0, 2), (2, 3)], [((0, 0), 0), ((3, 0), 1)], shareable=1)
    assert found.person[:4].tolist() == [0, 1, 2, 2]


def test_degree_counts_the_kind_with_the_most() -> None:
    kind = np.array([0, 1, 1, 1, 2])
    nodes = Nodes(kind=kind, max_degree=np.full(5, 2), shareable=np.zeros(5, bool))
    none = np.zeros(0, np.int64)
    found = resolve(
        nodes,
        np.array([(0, 1), (0, 2), (0, 3), (0, 4), (1, 4)]),
        Claims(node=none, slot=none, value=none),
    )
    assert found.degree.tolist() == [3, 1, 1, 1, 1]
    assert found.reason.tolist() == [OVER_DEGREE] * 4 + [KEPT]


def test_shared_devices_join_nobody() -> None:
    """200,000 persons of up to three identifiers, 20 devices on 500 phones each."""
    persons, hubs = 200_000, 20
    dice = np.random.default_rng(7)
    phone, device, openid = (np.arange(persons) + k * persons for k in range(3))
    some = [dice.random(persons) < share for share in (0.9, 0.8, 0.3)]
    chains = zip((phone, phone, device), (device, openid, openid), some, strict=True)
    own = [np.stack([a, b], 1)[kept] for a, b, kept in chains]
    shared = np.arange(hubs).repeat(500) + 3 * persons
    hub_links = np.stack([dice.choice(persons, (hubs, 500)).ravel(), shared], 1)
    links = np.unique(np.concatenate([*own, hub_links]), axis=0)
    kind = np.concatenate([np.arange(3).repeat(persons), np.full(hubs, 1)])
    none = np.zeros(0, np.int64)
    sizes = []
    for cap in (MANY, 10):
        nodes = Nodes(
            kind=kind, max_degree=np.full(len(kind), cap), shareable=np.zeros(len(kind), bool)
        )
        found = resolve(nodes, links, Claims(node=none, slot=none, value=none))
        sizes.append(np.bincount(found.person))
    assert sizes[0].max() > 20_000 and sizes[1].max() == 3
    linked = some[0] | some[1] | some[2]
    assert (sizes[1] > 1).sum() == linked.sum()


def test_long_chain_of_many_values_is_cut_between_them() -> None:
    """A component of 30,000 nodes in which every tenth holds another value of one slot."""
    n = 30_000
    nodes = Nodes(kind=np.zeros(n, np.int64), max_degree=np.full(n, 9), shareable=np.zeros(n, bool))
    holders = np.arange(0, n, 10)
    claims = Claims(node=holders, slot=np.zeros(len(holders), np.int64), value=holders)
    order = np.random.default_rng(1).permutation(n)
    chain = np.stack([order[:-1], order[1:]], 1)
    found = resolve(nodes, chain, claims)
    assert len(np.unique(found.person[holders])) == len(holders) == len(np.unique(found.person))
    assert (found.reason == BREAKS_CLAIM).sum() == len(holders) - 1
    ends = [found.person[a] == found.person[b] for a, b in pairwise(order.tolist())]
    assert sum(ends) == n - len(holders)
