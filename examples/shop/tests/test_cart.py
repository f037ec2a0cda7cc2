"""The cart's own answers, with payments out of reach."""

import importlib
import pathlib

import pytest


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    # Port 9 is the discard service, which nobody runs: connecting fails at once.
    patch = pytest.MonkeyPatch()
    folder = pathlib.Path(tmp_path_factory.mktemp("cart"))
    patch.setenv("SHOP_DATABASE", str(folder / "cart.sqlite"))
    patch.setenv("SHOP_PAYMENTS_URL", "http://127.0.0.1:9")
    yield importlib.import_module("cart").app.test_client()
    patch.undo()


def test_items_add_up(client):
    assert client.post("/cart/a/items", json={"product": 1, "price_cents": 450}).status_code == 201
    assert client.post("/cart/a/items", json={"product": 2, "price_cents": 320}).status_code == 201
    assert client.get("/cart/a").get_json()["total_cents"] == 770


@pytest.mark.parametrize("body", [None, [1], {"product": 1}, {"product": "1", "price_cents": 1}])
def test_a_bad_item_is_refused(client, body):
    assert client.post("/cart/b/items", json=body).status_code == 400


def test_an_empty_cart_cannot_be_paid(client):
    assert client.post("/cart/empty/checkout").status_code == 409


def test_a_cart_that_could_not_be_paid_keeps_its_items(client):
    client.post("/cart/c/items", json={"product": 1, "price_cents": 450})
    assert client.post("/cart/c/checkout").status_code == 503
    assert client.get("/cart/c").get_json()["total_cents"] == 450


def test_a_cart_holds_a_limited_number_of_items(client):
    item = {"product": 1, "price_cents": 1}
    answers = [client.post("/cart/d/items", json=item).status_code for _ in range(51)]
    assert answers == [201] * 50 + [409]
