"""Who may come in: the rules, as a table and as a law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.web.door import Asked, Rules, host_name, is_loopback, is_ours, judge

LOCAL = Rules("127.0.0.1", "box")
ANSWERING = Rules("127.0.0.1", "box", "secret-secret-secret")
FAR = Rules("0.0.0.0", "box", "secret-secret-secret", open_reading=False)
US = "127.0.0.1:8642"


def status(rules: Rules, **asked: str) -> int:
    refusal = judge(rules, Asked(**{"method": "GET", "host": US, **asked}))
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:8642", "LOCALHOST", "[::1]:8642", "127.9.9.9"]
)
def test_the_loopback_address_answers_to_its_own_names(host):
    assert status(LOCAL, host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8642",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.1.4",
        "box",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "",
        " 127.0.0.1",
        "127.0.0.1:x",
        "[::1",
        "127.0.0.1, evil",
    ],
)
def test_a_name_that_was_rebound_to_us_is_not_ours(host):
    assert status(LOCAL, host=host) == 421


def test_without_a_host_nobody_comes_in():
    assert judge(LOCAL, Asked("GET", None)).status == 421


@pytest.mark.parametrize("host", ["192.168.1.4:8642", "box:8642", "[fe80::1]:8642", "localhost"])
def test_another_address_answers_to_addresses_and_to_the_machines_name(host):
    assert status(FAR, host=host, bearer=FAR.token) == 200
    assert status(FAR, host="evil.example", bearer=FAR.token) == 421


def test_another_address_takes_a_token_for_everything():
    assert status(FAR) == 401
    assert status(FAR, bearer="wrong-wrong-wrong-wrong") == 401
    assert status(FAR, cookie=FAR.token) == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_only_reading_and_posting_are_methods_here(method):
    assert status(ANSWERING, method=method, bearer=ANSWERING.token) == 405


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://127.0.0.1"]
)
def test_another_origin_is_refused_even_with_the_token(origin):
    assert status(ANSWERING, method="POST", origin=origin, cookie=ANSWERING.token) == 403
    assert status(ANSWERING, origin=origin) == 403


def test_our_own_page_may_post_with_the_token_alone():
    own = {"method": "POST", "origin": f"http://{US}", "site": "same-origin"}
    assert status(ANSWERING, **own) == 401
    assert status(ANSWERING, **own, cookie=ANSWERING.token) == 200
    assert status(ANSWERING, method="POST", site="cross-site", cookie=ANSWERING.token) == 403


def test_without_a_token_nobody_writes():
    assert status(LOCAL, method="POST", cookie="", bearer="") == 401


@given(st.text())
def test_any_header_is_read_without_an_error_and_only_loopback_gets_in(header):
    name = host_name(header)
    if name is not None and is_ours(LOCAL, name):
        assert is_loopback(name)


@given(st.text(min_size=1))
def test_no_wrong_token_opens(token):
    assert status(FAR, bearer=token) == (200 if token == FAR.token else 401)
