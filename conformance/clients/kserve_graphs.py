"""KServe's InferenceGraphs, by path and by host name, as KServe's users call them."""

import direct
import requests
from scenarios import place, run, same, scenario, server

session = requests.Session()
RUDE = {"instances": [{"comment": "you fucking idiot"}, {"comment": "have a nice day"}]}
PASSAGE = {"passage": "The cat sat on the mat. It was happy."}


def addresses(graph):
    """Each way to address a graph: URL and headers."""
    base = f"http://{place['listen']}"
    yield f"{base}/serving/default/{graph}", {}
    yield f"{base}/serving/default/{graph}/", {}
    yield f"{base}/serving/default/{graph}/any/path?below=1", {}
    yield base, {"Host": f"{graph}.default.example.com"}
    yield f"{base}/any/path", {"Host": f"{graph}.default.svc.cluster.local"}
    yield base, {"Host": f"{graph}-default.example.com"}
    yield base, {"Host": f"{graph}.default.example.com:8080"}


def everywhere(graph, body):
    for at, headers in addresses(graph):
        yield f"{at} {headers}", session.post(at, json=body, headers=headers, timeout=60)


@scenario
def a_switch_sends_a_question_to_the_service_whose_question_it_is():
    for body, name, path in ((RUDE, "toxicity", "/v1/models/toxicity:predict"), (PASSAGE, "readability", "/score")):
        want = session.post(f"http://{server(name)}{path}", json=body, timeout=60)
        for what, reply in everywhere("comment-gate", body):
            same((reply.status_code, reply.content), (want.status_code, want.content), what)


@scenario
def a_switch_without_a_matching_branch_says_so():
    for what, reply in everywhere("comment-gate", {"other": 1}):
        same(reply.status_code, 404, what)
        assert "comment-gate" in reply.json()["error"], reply.text


@scenario
def an_ensemble_answers_by_the_names_of_its_steps():
    body = RUDE | PASSAGE
    want = {
        "abusive": direct.post(server("toxicity"), "/v1/models/toxicity:predict", body),
        "readable": direct.post(server("readability"), "/score", body),
    }
    for what, reply in everywhere("comment-check", body):
        same((reply.status_code, reply.json()), (200, want), what)


@scenario
def what_a_service_refuses_comes_back_with_its_status_and_body():
    bad = {"instances": ["no object"]}
    want = session.post(f"http://{server('toxicity')}/v1/models/toxicity:predict", json=bad, timeout=60)
    assert want.status_code == 400, want.text
    for what, reply in everywhere("comment-gate", bad):
        same((reply.status_code, reply.text), (want.status_code, want.text), what)


@scenario
def an_unknown_graph_is_not_found():
    for headers in ({}, {"Host": "comment-gat.default.example.com"}):
        at = f"http://{place['listen']}" + ("" if headers else "/serving/default/comment-gat")
        same(session.post(at, json=PASSAGE, headers=headers, timeout=60).status_code, 404)


run()
