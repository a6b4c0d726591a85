"""SeldonClient and Seldon's own stubs, over REST and gRPC, as against a gateway."""

import grpc
import numpy as np
import requests
from google.protobuf import json_format
from scenarios import place, run, same, scenario, server
from seldon_core.proto import prediction_pb2, prediction_pb2_grpc
from seldon_core.seldon_client import SeldonClient

TEXTS = np.array([["The server is DOWN, this is urgent!"], ["whenever you have time, thanks"]])


def ask(deployment, transport, **more):
    client = SeldonClient(gateway="ambassador", gateway_endpoint=place["listen"], transport=transport, namespace="default", deployment_name=deployment)
    return client.predict(data=TEXTS, names=["text"], payload_type="ndarray", **more)


def message(rows, **meta):
    return json_format.ParseDict({"data": {"names": ["text"], "ndarray": rows}, "meta": meta}, prediction_pb2.SeldonMessage())


def stub(address, service="Seldon"):
    return getattr(prediction_pb2_grpc, service + "Stub")(grpc.insecure_channel(address))


def predict(deployment, request, namespace="default"):
    return stub(place["listen"]).Predict(request, timeout=20, metadata=[("seldon", deployment), ("namespace", namespace)])


def asked(transport):
    """How many requests the nodes got by a transport."""
    page = requests.get(f"http://{place['admin']}/clusters", timeout=20).text.splitlines()
    ports = {replica[transport] for replicas in place["servers"].values() for replica in replicas}
    counts = [line.split("::") for line in page if "::rq_total::" in line]
    return sum(int(c[3]) for c in counts if c[1] in ports)


@scenario
def the_client_gets_the_same_answers_by_both_transports():
    for deployment in ("urgency-desk", "urgency-panel"):
        rest, rpc = ask(deployment, "rest"), ask(deployment, "grpc")
        assert rest.success, rest.msg
        assert rpc.success, rpc.msg
        same(rpc.response["data"]["names"], rest.response["data"]["names"])
        same(rpc.response["data"]["ndarray"], rest.response["data"]["ndarray"])


@scenario
def the_nodes_are_asked_as_the_client_asked():
    for transport, other in (("grpc", "http"), ("http", "grpc")):
        before, not_these = asked(transport), asked(other)
        assert ask("urgency-desk", {"grpc": "grpc", "http": "rest"}[transport]).success
        same((asked(transport) - before, asked(other) - not_these), (2, 0), transport)


@scenario
def the_desk_answers_what_its_nodes_do():
    request = message(TEXTS.tolist())
    between = stub(server("urgency-desk/normaliser", "grpc"), "Transformer").TransformInput(request, timeout=20)
    want = stub(server("urgency-desk/urgency", "grpc"), "Model").Predict(between, timeout=20)
    got = predict("urgency-desk", request)
    same(got.data, want.data)


@scenario
def the_panel_asks_both_and_the_combiner_gets_them():
    request = message(TEXTS.tolist())
    part = stub(server("urgency-desk/urgency", "grpc"), "Model").Predict(request, timeout=20)
    want = stub(server("urgency-panel/consensus", "grpc"), "Combiner").Aggregate(prediction_pb2.SeldonMessageList(seldonMessages=[part, part]), timeout=20)
    same(predict("urgency-panel", request).data, want.data)


@scenario
def tags_and_the_puid_go_through():
    got = predict("urgency-desk", message([["now"]], puid="puid-of-mine", tags={"desk": "north"})).meta
    same(got.puid, "puid-of-mine")
    same((got.tags["desk"].string_value, got.tags["normalised"].bool_value), ("north", True))


@scenario
def many_rows_go_through():
    rows = [[f"text {i} is urgent now"] for i in range(500)]
    same(len(predict("urgency-panel", message(rows)).data.ndarray.values), 500)


@scenario
def every_form_of_data_is_answered_as_the_node_does():
    forms = [
        {"strData": "this is urgent"}, {"jsonData": {"text": "now"}}, {"binData": "AAEC"},
        {"data": {"names": ["text"], "tensor": {"shape": [2, 1], "values": [1.5, -0.0]}}}, {"data": {"ndarray": []}}, {},
    ]
    node, through = stub(server("urgency-desk/urgency", "grpc"), "Model"), stub(place["listen"])
    for form in forms:
        request = json_format.ParseDict(form, prediction_pb2.SeldonMessage())
        told = []
        for call in (lambda: node.Predict(request, timeout=20), lambda: through.Predict(request, timeout=20, metadata=[("seldon", "urgency"), ("namespace", "default")])):
            try:
                reply = call()
                reply.meta.Clear()
                told.append((0, reply))
            except grpc.RpcError as e:
                told.append((e.code(), e.details()))
        same(told[1], told[0], str(form))


@scenario
def what_is_large_goes_through():
    long = "urgent " * 400_000
    got = predict("urgency-desk", message([[long]]))
    same(len(got.data.ndarray.values), 1)


@scenario
def an_unknown_deployment_is_not_found():
    try:
        predict("urgency-dekc", message([["x"]]))
    except grpc.RpcError as e:
        same(e.code(), grpc.StatusCode.NOT_FOUND)
        assert "urgency-dekc" in e.details(), e.details()
        return
    raise AssertionError("it was answered")


@scenario
def the_client_is_told_that_a_deployment_is_not_there():
    for transport in ("rest", "grpc"):
        same(ask("urgency-dekc", transport).success, False)


run()
