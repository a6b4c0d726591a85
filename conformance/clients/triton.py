"""The official Triton client, unchanged, over HTTP or gRPC: python triton.py PLACE http|grpc"""

import queue
import sys
import time

import direct
import numpy as np
import texts
from scenarios import place, run, same, scenario
from tritonclient.utils import InferenceServerException

transport = sys.argv[2]
if transport == "http":
    import tritonclient.http as triton

    client = triton.InferenceServerClient(place["listen"], concurrency=8, connection_timeout=60, network_timeout=60)
else:
    import tritonclient.grpc as triton

    client = triton.InferenceServerClient(place["listen"])


def strings(rows, name="text", shape=None):
    tensor = triton.InferInput(name, shape or [len(rows)], "BYTES")
    tensor.set_data_from_numpy(np.array(rows, dtype=object).reshape(shape or [len(rows)]))
    return tensor


def plain(array):
    """An answer's tensor as a flat list of Python's own values."""
    return [v.decode() if isinstance(v, bytes) else v for v in array.flatten().tolist()]


def names(result):
    reply = result.get_response()
    if transport == "http":
        return [o["name"] for o in reply["outputs"]]
    return [o.name for o in reply.outputs]


def answer(result):
    return {name: plain(result.as_numpy(name)) for name in names(result)}


def ask(model, rows, **kwargs):
    return answer(client.infer(model, [strings(rows)], **kwargs))


def refused(function, *args, **kwargs):
    try:
        got = function(*args, **kwargs)
    except InferenceServerException as e:
        return e
    raise AssertionError(f"no exception, but {got}")


def alike(got, want, what):
    same(sorted(got), sorted(want), f"{what}: names")
    for name in want:
        same(got[name], [float(np.float32(v)) if name.endswith("language.probability") or (name == "probability" and what == "language") else v for v in want[name]], f"{what}: {name}")


@scenario
def the_server_is_live_and_ready():
    assert client.is_server_live()
    assert client.is_server_ready()


@scenario
def the_server_says_who_it_is():
    said = client.get_server_metadata() if transport == "http" else client.get_server_metadata(as_json=True)
    same(said["name"], "millrace")
    assert said["version"], said


@scenario
def a_model_and_a_graph_and_an_expression_are_ready():
    for name in ("sentiment", "triage", "language+sentiment", "normalise|sentiment"):
        assert client.is_model_ready(name), name


@scenario
def an_unknown_model_is_not_ready():
    if transport == "http":
        assert not client.is_model_ready("sentimnt")
    else:  # as MLServer and KServe tell it
        same(refused(client.is_model_ready, "sentimnt").status(), "StatusCode.NOT_FOUND")


@scenario
def metadata_names_the_fields_of_the_contract():
    said = client.get_model_metadata("sentiment") if transport == "http" else client.get_model_metadata("sentiment", as_json=True)
    same(said["name"], "sentiment")
    same([(i["name"], i["datatype"], [int(n) for n in i["shape"]]) for i in said["inputs"]], [("text", "BYTES", [-1])])
    same({(o["name"], o["datatype"]) for o in said["outputs"]}, {("label", "BYTES"), ("score", "FP64")})


@scenario
def metadata_of_an_expression_names_the_parts():
    said = client.get_model_metadata("language+keywords") if transport == "http" else client.get_model_metadata("language+keywords", as_json=True)
    outputs = {o["name"]: (o["datatype"], [int(n) for n in o["shape"]]) for o in said["outputs"]}
    same(outputs["language.probability"], ("FP32", [-1]))
    same(outputs["keywords.keywords"], ("BYTES", [-1, 3]))


@scenario
def each_model_answers_as_its_server_does_when_asked_directly():
    for rows in texts.BATCHES:
        for name, model in direct.models.items():
            alike(ask(name, rows), model(rows), name)


@scenario
def triage_answers_what_its_parts_answer():
    for rows in texts.BATCHES:
        alike(ask("triage", rows), direct.merged(rows, language=direct.language, sentiment=direct.sentiment, topic=direct.topic, tox=direct.toxicity), "triage")


@scenario
def tidy_is_a_chain_and_a_merge():
    for rows in texts.BATCHES:
        tidied = direct.normalise(rows)["text"]
        alike(ask("tidy", rows), direct.merged(tidied, sentiment=direct.sentiment, keywords=direct.keywords), "tidy")


@scenario
def english_mood_decides_row_by_row():
    for rows in texts.BATCHES:
        english = [lang == "en" for lang in direct.language(rows)["language"]]
        mood = direct.sentiment(rows)
        want = {
            "label": [label if en else "unknown" for label, en in zip(mood["label"], english)],
            "score": [score if en else 0.0 for score, en in zip(mood["score"], english)],
        }
        alike(ask("english-mood", rows), want, "english-mood")


@scenario
def combinations_that_nobody_deployed():
    for rows in texts.BATCHES:
        three = direct.merged(rows, language=direct.language, sentiment=direct.sentiment, keywords=direct.keywords)
        alike(ask("language+sentiment+keywords", rows), three, "language+sentiment+keywords")
        tidied = direct.normalise(rows)["text"]
        alike(ask("normalise|sentiment", rows), direct.sentiment(tidied), "normalise|sentiment")
        alike(ask("normalise|(a=sentiment+b=topic)", rows), direct.merged(tidied, a=direct.sentiment, b=direct.topic), "labels")
        five = direct.merged(rows, topic=direct.topic, toxicity=direct.toxicity, readability=direct.readability)
        alike(ask("topic+toxicity+readability", rows), five, "three dialects at once")


@scenario
def shapes_are_those_of_the_contract():
    result = client.infer("language+keywords", [strings(texts.THREE)])
    same(result.as_numpy("language.language").shape, (3,))
    same(result.as_numpy("keywords.keywords").shape, (3, 3))
    same(result.as_numpy("language.probability").dtype, np.float32)
    same(result.as_numpy("keywords.weights").dtype, np.float64)
    same(client.infer("toxicity", [strings(texts.THREE)]).as_numpy("toxic").dtype, np.bool_)


@scenario
def a_column_of_texts_is_as_good_as_a_list():
    got = answer(client.infer("language", [strings(texts.THREE, shape=[3, 1])]))
    alike(got, direct.language(texts.THREE), "language")


@scenario
def only_the_outputs_that_are_asked_for_come_back():
    wanted = [triton.InferRequestedOutput("sentiment.score"), triton.InferRequestedOutput("language.language")]
    result = client.infer("language+sentiment", [strings(texts.THREE)], outputs=wanted)
    same(sorted(names(result)), ["language.language", "sentiment.score"])
    result = client.infer("sentiment", [strings(texts.THREE)], outputs=[triton.InferRequestedOutput("label")])
    same(answer(result), {"label": direct.sentiment(texts.THREE)["label"]})


@scenario
def an_output_that_there_is_not_is_refused_by_name():
    e = refused(client.infer, "sentiment", [strings(texts.ONE)], outputs=[triton.InferRequestedOutput("lable")])
    assert "lable" in e.message() and "label" in e.message().replace("lable", ""), e.message()


@scenario
def the_request_id_comes_back():
    for name in ("sentiment", "triage", "language+topic"):
        reply = client.infer(name, [strings(texts.ONE)], request_id="seventeen").get_response()
        same(reply["id"] if transport == "http" else reply.id, "seventeen", name)


@scenario
def the_reply_is_called_as_the_client_asked():
    for name in ("sentiment", "triage", "language+topic"):
        reply = client.infer(name, [strings(texts.ONE)]).get_response()
        same(reply["model_name"] if transport == "http" else reply.model_name, name)


@scenario
def an_unknown_model_is_not_found_and_the_near_name_is_told():
    e = refused(ask, "sentimnt", texts.ONE)
    assert "sentimnt" in e.message() and 'did you mean "sentiment"?' in e.message(), e.message()
    same(e.status(), "404" if transport == "http" else "StatusCode.NOT_FOUND")
    e = refused(ask, "language+topik", texts.ONE)
    assert 'did you mean "topic"?' in e.message(), e.message()
    same(e.status(), "404" if transport == "http" else "StatusCode.NOT_FOUND")
    e = refused(client.get_model_metadata, "sentimnt")
    assert "sentimnt" in e.message(), e.message()


def invalid(e, *words):
    same(e.status(), "400" if transport == "http" else "StatusCode.INVALID_ARGUMENT", e.message())
    for word in words:
        assert word in e.message(), f"{word!r} is not in {e.message()!r}"


@scenario
def a_missing_input_is_named():
    invalid(refused(client.infer, "sentiment", [strings(texts.ONE, name="txet")]), '"text"', '"txet"')
    invalid(refused(client.infer, "language+sentiment", [strings(texts.ONE, name="txet")]), '"text"', '"txet"')


@scenario
def a_wrong_datatype_is_named_with_what_was_expected():
    tensor = triton.InferInput("text", [2], "INT32")
    tensor.set_data_from_numpy(np.array([1, 2], dtype=np.int32))
    for name in ("sentiment", "toxicity", "language+sentiment"):
        invalid(refused(client.infer, name, [tensor]), '"text"', "INT32", "BYTES")


@scenario
def a_wrong_shape_is_named_with_what_was_expected():
    tensor = strings(["a", "b", "c", "d"], shape=[2, 2])
    for name in ("sentiment", "language+sentiment"):
        invalid(refused(client.infer, name, [tensor]), '"text"', "[2,2]")


@scenario
def a_malformed_expression_is_shown_with_its_place():
    e = refused(ask, "language+(topic", texts.ONE)
    invalid(e, "character 10")


@scenario
def a_timeout_of_the_client_ends_the_request_and_the_next_one_works():
    began = time.monotonic()
    if transport == "http":
        hasty = triton.InferenceServerClient(place["listen"], network_timeout=0.1)
        try:
            got = hasty.infer("readability", [strings([texts.SLOW] * 4)])
        except Exception as e:
            assert "tim" in f"{type(e).__name__} {e}".lower(), repr(e)
        else:
            raise AssertionError(f"no timeout, but {answer(got)}")
        hasty.close()
    else:
        e = refused(client.infer, "readability", [strings([texts.SLOW] * 4)], client_timeout=0.1)
        same(e.status(), "StatusCode.DEADLINE_EXCEEDED", e.message())
    assert time.monotonic() - began < 2
    alike(ask("readability", texts.ONE), direct.readability(texts.ONE), "readability")


@scenario
def many_requests_at_once_are_each_answered_with_their_own():
    want = direct.merged(texts.MANY, language=direct.language, sentiment=direct.sentiment)
    rows = range(len(texts.MANY))
    if transport == "http":
        pending = [client.async_infer("language+sentiment", [strings([texts.MANY[i]])], request_id=str(i)) for i in rows]
        results = [(i, p.get_result()) for i, p in enumerate(pending)]
    else:
        done = queue.Queue()
        for i in rows:
            client.async_infer("language+sentiment", [strings([texts.MANY[i]])], callback=lambda result, error, i=i: done.put((i, result, error)), request_id=str(i))
        results = []
        for _ in rows:
            i, result, error = done.get(timeout=60)
            assert error is None, error
            results.append((i, result))
    for i, result in results:
        reply = result.get_response()
        same(reply["id"] if transport == "http" else reply.id, str(i))
        got = answer(result)
        same(got["sentiment.label"], [want["sentiment.label"][i]], texts.MANY[i])
        same(got["sentiment.score"], [want["sentiment.score"][i]], texts.MANY[i])
        same(got["language.language"], [want["language.language"][i]], texts.MANY[i])


@scenario
def an_empty_text_is_a_text():
    alike(ask("language+sentiment", ["", "I love it"]), direct.merged(["", "I love it"], language=direct.language, sentiment=direct.sentiment), "empty")


if transport == "http":

    @scenario
    def tensors_may_be_binary_or_JSON_in_either_direction():
        want = direct.merged(texts.THREE, language=direct.language, keywords=direct.keywords)
        for into in (True, False):
            for out in (True, False):
                tensor = triton.InferInput("text", [3], "BYTES")
                tensor.set_data_from_numpy(np.array(texts.THREE, dtype=object), binary_data=into)
                wanted = [triton.InferRequestedOutput(n, binary_data=out) for n in want]
                result = client.infer("language+keywords", [tensor], outputs=wanted)
                alike(answer(result), want, f"binary in {into}, out {out}")
                for o in result.get_response()["outputs"]:
                    same("data" in o, not out, o["name"])

    @scenario
    def one_output_may_be_binary_and_another_JSON():
        wanted = [triton.InferRequestedOutput("label", binary_data=True), triton.InferRequestedOutput("score", binary_data=False)]
        result = client.infer("sentiment", [strings(texts.THREE)], outputs=wanted)
        alike(answer(result), direct.sentiment(texts.THREE), "sentiment")
        same({o["name"]: "data" in o for o in result.get_response()["outputs"]}, {"label": False, "score": True})

    @scenario
    def a_compressed_question_is_understood():
        for how in ("gzip", "deflate"):
            got = ask("language+sentiment", texts.THREE, request_compression_algorithm=how)
            alike(got, direct.merged(texts.THREE, language=direct.language, sentiment=direct.sentiment), how)

    @scenario
    def a_client_that_offers_compression_gets_an_answer_that_it_reads():
        for how in ("gzip", "deflate"):
            got = ask("language+sentiment", texts.THREE, response_compression_algorithm=how)
            alike(got, direct.merged(texts.THREE, language=direct.language, sentiment=direct.sentiment), how)

else:

    @scenario
    def an_answer_to_raw_tensors_is_raw():
        result = client.infer("language+sentiment", [strings(texts.THREE)])
        same(len(result.get_response().raw_output_contents), 4)

    @scenario
    def a_compressed_question_is_understood():
        for how in ("gzip", "deflate"):
            got = ask("language+sentiment", texts.MANY, compression_algorithm=how)
            alike(got, direct.merged(texts.MANY, language=direct.language, sentiment=direct.sentiment), how)

    @scenario
    def requests_of_one_stream_are_answered_in_order_and_a_failure_is_an_answer():
        came = queue.Queue()
        client.start_stream(callback=lambda result, error: came.put((result, error)))
        asked = [("language+sentiment", texts.THREE), ("sentimnt", texts.ONE), ("sentiment", texts.MANY), ("topic", texts.ONE)]
        for i, (model, rows) in enumerate(asked):
            client.async_stream_infer(model, [strings(rows)], request_id=f"s{i}")
        replies = [came.get(timeout=60) for _ in asked]
        client.stop_stream()
        for i in (0, 2, 3):
            result, error = replies[i]
            assert error is None, error
            same(result.get_response().id, f"s{i}")
        alike(answer(replies[0][0]), direct.merged(texts.THREE, language=direct.language, sentiment=direct.sentiment), "the stream's first")
        alike(answer(replies[2][0]), direct.sentiment(texts.MANY), "sentiment")
        result, error = replies[1]
        assert result is None and 'did you mean "sentiment"?' in error.message(), (result, error)

    @scenario
    def a_call_that_is_not_offered_is_unimplemented():
        e = refused(client.get_inference_statistics)
        same(e.status(), "StatusCode.UNIMPLEMENTED", e.message())


run()
client.close()
