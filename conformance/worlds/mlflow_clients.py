"""MLflow's own client of its scoring server, and plain HTTP for what that client does not say."""

import pandas as pd
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from scenarios import place, run, same, scenario, server

session = requests.Session()
TEXTS = pd.DataFrame({"message": ["the invoice is wrong", "track my parcel", "where is my delivery"]})


def at(model):
    return f"http://{place['listen']}/serving/default/{model}"


def direct(name):
    return f"http://{server(name)}"


def scoring(model):
    client = ScoringServerClient("127.0.0.1", 0)
    client.url_prefix = at(model)
    return client


def seen(address, data, kind="application/json", path="/invocations"):
    reply = session.post(address + path, data=data, headers={"Content-Type": kind}, timeout=60)
    return reply.status_code, reply.headers["Content-Type"], reply.text


@scenario
def MLflows_client_asks_a_server_in_its_own_words():
    for model in ("topics-native", "topics"):
        answer = scoring(model).invoke(TEXTS).get_predictions()
        same(list(answer[answer.columns[0]]), ["billing", "shipping", "shipping"], model)


@scenario
def MLflows_client_asks_a_function_of_another_server():
    answer = scoring("tongue").invoke(pd.DataFrame({"text": ["good morning to you all", "guten Morgen zusammen"]})).get_predictions()
    same(list(answer[answer.columns[0]]), ["en", "de"])


@scenario
def MLflows_client_asks_by_an_expression():
    reply = scoring("tongue+topics").invoke(pd.DataFrame({"text": ["the invoice is wrong"]}))
    same(reply["predictions"], {"tongue": {"language": ["en"]}, "topics": {"topic": ["billing"]}})


@scenario
def every_form_of_an_invocation_is_answered_as_the_server_does():
    forms = [
        ('{"dataframe_split": {"columns": ["message"], "index": [7], "data": [["track it"]]}}', "application/json"),
        ('{"dataframe_records": [{"message": "track it"}, {"message": "refund me"}]}', "application/json; charset=utf-8"),
        ('{"inputs": {"message": ["track it"]}, "params": {}}', "application/json"),
        ('{"instances": [{"message": "track it"}]}', "application/json"),
        ("message\ntrack it\n", "text/csv"),
    ]
    for body, kind in forms:
        want = seen(direct("topics-server"), body, kind)
        same(want[0], 200, want[2])
        for model in ("topics-native", "topics"):
            same(seen(at(model), body, kind), want, f"{model} {body}")


@scenario
def what_the_server_refuses_comes_back_as_it_said_it():
    for body, kind in [('{"x": 1}', "application/json"), ("[1]", "application/json"), ('{"inputs":', "application/json"), ("x", "text/html"), ("x", "text/csv; charset=latin1")]:
        want = seen(direct("topics-server"), body, kind)
        assert want[0] >= 400, want
        same(seen(at("topics-native"), body, kind), want, body)


@scenario
def the_servers_other_paths_are_there():
    for path in ("/ping", "/health", "/version"):
        want, got = (session.get(a + path, timeout=60) for a in (direct("topics-server"), at("topics-native")))
        same((got.status_code, got.text), (want.status_code, want.text), path)


@scenario
def a_tensor_goes_as_it_stands():
    for body in ('{"inputs": [[1, 2, 3], [0.1, 0.2, 0.30000000000000004]]}', '{"instances": [[1e-300, 2, 3]]}'):
        want = seen(direct("prices-server"), body)
        same(want[0], 200, want[2])
        same(seen(at("prices"), body), want)


run()
