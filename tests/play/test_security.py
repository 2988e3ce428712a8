"""Only the browser that has the token, at the server's own address, is answered."""

from dataclasses import replace

import pytest


def test_the_token_gives_a_cookie_that_opens_the_pages(stranger):
    answer = stranger.get(f"/?token={stranger.keys.token}")
    assert answer.status == 200
    cookie = answer.header("set-cookie")
    assert cookie.startswith(f"numlean_play_8421={stranger.keys.cookie};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert stranger.keys.token not in answer.text
    value = cookie.partition(";")[0]
    assert stranger.get("/numbers", headers=[("cookie", f'a={{"b": 1}}; {value}')]).status == 200


@pytest.mark.parametrize("path", ["/", "/numbers", "/formats", "/static/live.js", "/none", "/x/.."])
def test_a_request_without_the_cookie_is_refused(stranger, path):
    assert stranger.get(path).status == 403


@pytest.mark.parametrize(
    "query",
    [
        "token=",
        "token=wrong",
        "token=TOKEN&token=TOKEN",
        "token=TOKENx",
        "token=%ff",
        "Token=TOKEN",
    ],
)
def test_a_wrong_token_is_refused(stranger, query):
    answer = stranger.get(f"/?{query.replace('TOKEN', stranger.keys.token)}")
    assert answer.status == 403
    assert answer.header("set-cookie") is None


def test_the_token_is_taken_at_the_root_alone(stranger):
    assert stranger.get(f"/numbers?token={stranger.keys.token}").status == 403


def test_the_token_of_a_started_browser_works_once(stranger):
    address = f"/?token={stranger.keys.single}"
    assert stranger.get(address).status == 200
    assert stranger.get(address).status == 403
    assert stranger.get(f"/?token={stranger.keys.token}").status == 200


@pytest.mark.parametrize(
    "cookie",
    ["", "numlean_play_8421", "numlean_play_8421=", "numlean_play_8421=x", "x=COOKIE", "\xff=;;;"],
)
def test_another_cookie_is_refused(stranger, cookie):
    header = ("cookie", cookie.replace("COOKIE", stranger.keys.cookie))
    assert stranger.get("/numbers", headers=[header]).status == 403


@pytest.mark.parametrize(
    "host",
    [None, "", "127.0.0.1", "127.0.0.1:80", "evil.example:8421", "127.0.0.1:8421.evil.example"],
)
def test_another_host_is_refused_even_with_the_cookie(client, host):
    assert client.get("/numbers", host=host).status == 403
    assert client.get(f"/?token={client.keys.token}", host=host).status == 403


def test_two_hosts_are_refused(client):
    assert client.get("/numbers", headers=[("host", "evil.example")]).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost:8421"])
def test_both_names_of_the_own_address_are_taken(client, host):
    assert client.get("/numbers", host=host).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8421", 200),
        ("http://localhost:8421", 403),
        ("https://127.0.0.1:8421", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_another_origin_is_refused_even_with_the_cookie(client, origin, status):
    assert client.get("/numbers", headers=[("origin", origin)]).status == status


def test_what_is_not_only_read_needs_the_own_origin(client):
    for path in ("/runs/start", "/runs/act", "/runs/table?name=a.csv"):
        assert client.get(path, method="POST").status == 403
        for origin in ("null", "http://127.0.0.1:1", "http://evil.example"):
            headers = [("origin", origin)]
            assert client.get(path, method="POST", headers=headers).status == 403


@pytest.mark.parametrize("path", ["/numbers", "/static/live.js", "/none", "/?token=wrong"])
def test_every_answer_has_the_headers(client, path):
    answer = client.get(path)
    policy = answer.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "same-origin"


def test_an_error_of_the_program_has_the_headers_too(client):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    answer = replace(client, app=replace(client.app, app=broken)).get("/")
    assert (answer.status, answer.header("cache-control")) == (500, "no-store")


def test_no_page_has_a_script_or_a_style_of_its_own(client):
    for path in ("/numbers", "/formats", "/runs"):
        text = client.get(path).text
        assert text.count("<script") == text.count('<script src="/static/')
        assert "<style" not in text
        assert " style=" not in text
        assert "onclick" not in text
