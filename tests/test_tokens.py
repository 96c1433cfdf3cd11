from __future__ import annotations

from realtime.serving.tokens import MAX_SESSIONS, Gate


def test_secrets_are_long_and_of_each_gate_alone() -> None:
    first, second = Gate(), Gate()
    assert len({first.token, first.link, second.token, second.link}) == 4
    assert min(len(first.token), len(first.link), len(first.new_session())) >= 43


def test_only_the_token_is_the_token() -> None:
    gate = Gate()
    assert gate.has_token(gate.token)
    for wrong in ("", gate.token[:-1], gate.token + "=", gate.token.swapcase(), gate.link, "ÿ", "\udcff"):
        assert not gate.has_token(wrong)


def test_a_link_opens_once_and_the_next_one_differs() -> None:
    gate = Gate()
    first = gate.link
    assert gate.open_link(first)
    assert not gate.open_link(first)
    assert gate.link != first
    assert gate.open_link(gate.link)


def test_a_wrong_link_does_not_use_up_the_right_one() -> None:
    gate = Gate()
    assert not gate.open_link("wrong")
    assert gate.open_link(gate.link)


def test_browsers_are_remembered_up_to_a_number_without_their_secrets() -> None:
    gate = Gate()
    first = gate.new_session()
    assert gate.has_session(first)
    assert not gate.has_session("")
    assert not gate.has_session(gate.token)
    assert first not in repr(vars(gate))
    later = [gate.new_session() for _ in range(MAX_SESSIONS)]
    assert not gate.has_session(first)
    assert all(gate.has_session(each) for each in later)
