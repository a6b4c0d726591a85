"""BentoML's own client, which reads the service's schema, and plain HTTP."""

import tempfile
from pathlib import Path

import bentoml
import requests
from bentoml.exceptions import BentoMLException
from scenarios import place, run, same, scenario, server

THROUGH = f"http://{place['listen']}/serving/default/measures-native"
DIRECT = f"http://{server('measures-server')}"


@scenario
def BentoMLs_client_calls_a_method_with_defaults():
    with bentoml.SyncHTTPClient(THROUGH) as client:
        same(client.is_ready(), True)
        same(client.measure(passages=["one two", "one two three four five"]), {"size": [2, 5], "long": [False, True]})
        same(client.measure(passages=["one two"], unit="letters"), {"size": [7], "long": [True]})


@scenario
def BentoMLs_client_sends_a_file():
    with tempfile.TemporaryDirectory() as folder, bentoml.SyncHTTPClient(THROUGH) as client:
        file = Path(folder, "bytes.bin")
        file.write_bytes(bytes(range(256)) * 4000)
        same(client.count(file=file), 1024000)


@scenario
def BentoMLs_client_reads_a_stream():
    with bentoml.SyncHTTPClient(THROUGH) as client:
        same("".join(client.spell(text="one two three")), "one\ntwo\nthree\n")


@scenario
def BentoMLs_client_is_told_what_the_service_refuses():
    told = []
    for at in (DIRECT, THROUGH):
        with bentoml.SyncHTTPClient(at) as client:
            try:
                client.call("measure", passages=["one"], unit=["no text"])
            except BentoMLException as e:
                told.append((type(e).__name__, str(e)))
    same(len(told), 2)
    same(told[1], told[0])


@scenario
def every_path_answers_as_the_service_does():
    for method, path, body in [("POST", "/measure", '{"passages": 3}'), ("POST", "/nothing", "{}"), ("GET", "/livez", None), ("GET", "/schema.json", None), ("POST", "/measure", "{")]:
        want, got = (requests.request(method, at + path, data=body, headers={"Content-Type": "application/json"}, timeout=60) for at in (DIRECT, THROUGH))
        same((got.status_code, got.headers["Content-Type"], got.text), (want.status_code, want.headers["Content-Type"], want.text), path)


run()
