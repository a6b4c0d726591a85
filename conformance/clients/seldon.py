"""Seldon's REST API, by plain HTTP as its users call it. What the nodes answer directly is what the graphs are to answer."""

import concurrent.futures
import time

import direct
import requests
import texts
from scenarios import place, run, same, scenario, server

session = requests.Session()


def at(deployment, version="v1.0", verb="predictions"):
    return f"http://{place['listen']}/seldon/default/{deployment}/api/{version}/{verb}"


def predict(deployment, body, version="v1.0", **headers):
    return session.post(at(deployment, version), json=body, headers=headers, timeout=60)


def rows(found, names=("text",)):
    return {"data": {"names": list(names), "ndarray": [[t] for t in found]}}


def node(name, path, body):
    return direct.post(server(name), path, body)


def raw(at, body, kind="application/json"):
    return session.post(at, data=body, headers={"Content-Type": kind}, timeout=60)


URGENT = ["The server is DOWN, this is urgent!", "whenever you have time, thanks", "i cannot log in  now \u2014 https://x.y/z"]


@scenario
def the_desk_is_a_transformer_and_then_a_model():
    for found in (URGENT[:1], URGENT, texts.MANY):
        body = rows(found)
        want = node("urgency-desk/urgency", "/predict", node("normaliser", "/transform-input", body))
        reply = predict("urgency-desk", body)
        same(reply.status_code, 200, reply.text)
        same(reply.json(), want)
        same(reply.headers["Content-Type"], "application/json")


@scenario
def the_panel_asks_both_and_the_combiner_gets_them_in_order():
    for found in (URGENT[:1], URGENT, texts.MANY):
        body = rows(found)
        parts = [node("urgency-desk/urgency", "/predict", body), node("urgency-desk/urgency-careful", "/predict", body)]
        reply = predict("urgency-panel", body)
        same(reply.status_code, 200, reply.text)
        same(reply.json(), node("urgency-panel/consensus", "/aggregate", parts))


@scenario
def an_arm_of_the_test_answers_byte_for_byte():
    body = '{"data": {"names": ["text"],\n "ndarray": [["This is urgent!"]]}, "meta": {"tags": {"from": "desk"}}}'
    arms = [raw(f"http://{server(f'urgency-desk/{m}')}/predict", body).text for m in ("urgency", "urgency-careful")]
    assert arms[0] != arms[1]
    for _ in range(20):
        got = raw(at("urgency-ab"), body).text
        assert got in arms, f"{got!r} is neither of {arms!r}"


@scenario
def the_arms_are_drawn_as_their_weights_say():
    body = rows(URGENT[:1])
    first = node("urgency-desk/urgency", "/predict", body)["data"]
    total = 800
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sessions = [requests.Session() for _ in range(8)]
        found = list(pool.map(lambda i: sessions[i % 8].post(at("urgency-ab"), json=body, timeout=60).json()["data"] == first, range(total)))
    # ratioA is 0.8; five standard deviations either side.
    spread = 5 * (0.8 * 0.2 / total) ** 0.5
    share = sum(found) / total
    assert abs(share - 0.8) < spread, f"{share} of {total} went to the first arm"


@scenario
def the_old_version_of_the_address_works():
    body = rows(URGENT)
    same(predict("urgency-panel", body, version="v0.1").json(), predict("urgency-panel", body).json())


@scenario
def tags_go_through_the_graph():
    body = rows(URGENT[:1]) | {"meta": {"tags": {"desk": "north"}}}
    same(predict("urgency-desk", body).json()["meta"]["tags"], {"desk": "north", "normalised": True})


@scenario
def the_puid_of_the_client_comes_back_and_one_is_made_otherwise():
    same(predict("urgency-desk", rows(URGENT), **{"Seldon-Puid": "puid-of-mine"}).headers["Seldon-Puid"], "puid-of-mine")
    made = {predict("urgency-desk", rows(URGENT)).headers["Seldon-Puid"] for _ in range(3)}
    same(len(made), 3)


@scenario
def a_list_of_strings_gets_the_answer_that_the_node_gives():
    body = {"data": {"names": ["text"], "ndarray": URGENT}}
    want = session.post(f"http://{server('urgency-desk/urgency')}/predict", json=body, timeout=60)
    reply = predict("urgency-ab", body)
    same((reply.status_code, reply.json().keys()), (want.status_code, want.json().keys()), reply.text)


@scenario
def what_a_node_refuses_comes_back_as_the_node_said_it():
    body = '{"data": {"names": ["text"], "ndarray": []}, "strData": 7'
    for deployment, name, path in (("urgency-desk", "normaliser", "/transform-input"), ("urgency-panel", "urgency-desk/urgency", "/predict")):
        want = raw(f"http://{server(name)}{path}", body)
        assert want.status_code >= 400, want.text
        reply = raw(at(deployment), body)
        same((reply.status_code, reply.text), (want.status_code, want.text), deployment)


@scenario
def an_unknown_deployment_is_told_in_Seldons_form():
    reply = predict("urgency-dekc", rows(URGENT))
    same(reply.status_code, 404)
    status = reply.json()["status"]
    same((status["code"], status["status"]), (404, "FAILURE"))
    assert "urgency-dekc" in status["info"], status


@scenario
def a_deployment_tells_that_it_is_ready():
    for deployment in ("urgency-desk", "urgency-panel", "urgency-ab"):
        same(session.get(at(deployment, verb="health/status"), timeout=60).status_code, 200, deployment)


def to_shadow():
    """How many requests the server of the shadow predictor got."""
    page = session.get(f"http://{place['admin']}/clusters", timeout=60).text
    counts = [line.split("::") for line in page.splitlines() if "urgency-careful" in line and "::rq_total::" in line]
    assert counts, page
    return sum(int(c[3]) for c in counts)


@scenario
def the_shadow_gets_a_copy_of_each_request():
    before = to_shadow()
    for _ in range(20):
        same(predict("urgency-desk", rows(URGENT)).status_code, 200)
    limit = time.monotonic() + 20
    while to_shadow() < before + 20 and time.monotonic() < limit:
        time.sleep(0.05)
    same(to_shadow() - before, 20)


run()
