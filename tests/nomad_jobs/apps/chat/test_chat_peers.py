"""The least busy peer is picked, equally busy ones take turns, and nothing is counted for ever."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_jobs.apps.chat.peers import Balancer, Peer, parse_peers

A, B, C = (Peer("127.0.0.1", port) for port in (1, 2, 3))


def test_peers_are_read_without_doubles_and_may_be_none() -> None:
    assert parse_peers([]) == ()
    assert parse_peers([{"address": "127.0.0.1", "port": 1, "more": True}] * 2) == (A,)


@pytest.mark.parametrize(
    "value", [None, {}, "x", [1], [{}], [{"address": "", "port": 1}], [{"address": "a", "port": "1"}]]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_peers(value)


def test_ipv6_addresses_are_bracketed() -> None:
    assert Peer("::1", 80).url == "http://[::1]:80"


def test_idle_peers_take_turns() -> None:
    balancer = Balancer(lambda: [A, B, C])
    assert Counter(balancer.pick() for _ in range(9)) == {A: 3, B: 3, C: 3}


def test_a_tried_peer_is_not_picked_again_and_then_there_is_none() -> None:
    balancer = Balancer(lambda: [A, B])
    assert balancer.pick([A]) == B
    assert balancer.pick([A, B]) is None
    assert Balancer(list).pick() is None


@given(st.lists(st.sampled_from([A, B, C])), st.sets(st.sampled_from([A, B, C]), min_size=1))
def test_the_picked_peer_has_the_fewest_in_flight(begun: list[Peer], known: set[Peer]) -> None:
    balancer = Balancer(lambda: sorted(known, key=lambda peer: peer.port))
    for peer in begun:
        balancer.begin(peer)
    picked = balancer.pick()
    assert picked in known
    assert begun.count(picked) == min(begun.count(peer) for peer in known)
    for peer in begun:
        balancer.end(peer)
    assert not balancer._in_flight
