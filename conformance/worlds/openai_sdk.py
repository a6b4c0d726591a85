"""OpenAI's SDK: chats, streams, embeddings, models and errors, of an OpenAI server and of a model that is none."""

import json

import openai
import requests
from scenarios import place, run, same, scenario, server


def sdk(prefix="/openai/v1"):
    return openai.OpenAI(base_url=f"http://{place['listen']}{prefix}", api_key="none", max_retries=0, timeout=20)


def say(text):
    return [{"role": "user", "content": text}]


def allow(words):
    for _ in range(words):
        requests.post(f"http://{server('parrot')}/next", timeout=20)


@scenario
def a_chat_is_answered_by_the_server():
    for prefix in ("/v1", "/openai/v1"):
        reply = sdk(prefix).chat.completions.create(model="parrot", messages=say("good morning"))
        same((reply.choices[0].message.content, reply.usage.completion_tokens), ("good morning", 2))


@scenario
def each_word_of_a_stream_comes_before_the_next_is_made():
    heard = []
    allow(1)
    for chunk in sdk().chat.completions.create(model="parrot", messages=say("one two three"), stream=True):
        if chunk.choices[0].delta.content:
            heard.append(chunk.choices[0].delta.content)
            if len(heard) < 3:
                allow(1)
    same(heard, ["one ", "two ", "three "])


@scenario
def a_stream_that_breaks_is_an_error():
    allow(2)
    heard = []
    try:
        for chunk in sdk().chat.completions.create(model="parrot", messages=say("one BREAK"), stream=True):
            heard.append(chunk.choices[0].delta.content)
    except openai.APITimeoutError:
        raise
    except openai.APIError:
        return same(heard, ["one "])
    raise AssertionError(f"the stream ended as if it were whole: {heard}")


@scenario
def embeddings_are_passed():
    reply = sdk().embeddings.create(model="parrot", input=["abc", "de"], encoding_format="float")
    same([e.embedding for e in reply.data], [[3.0, 0.5], [2.0, 0.5]])


@scenario
def the_models_are_listed_and_found():
    same(sorted(m.id for m in sdk().models.list()), ["parrot", "tongue"])
    same(sdk().models.retrieve("tongue").id, "tongue")


@scenario
def an_unknown_model_is_an_error_of_that_kind():
    try:
        sdk().chat.completions.create(model="parrto", messages=say("x"))
    except openai.NotFoundError as e:
        assert "parrot" in e.message, e.message
        return
    raise AssertionError("it was answered")


@scenario
def what_the_server_refuses_comes_back_as_it_said_it():
    try:
        sdk().chat.completions.create(model="parrot", messages=say("x"), temperature=3)
    except openai.BadRequestError as e:
        return same((e.code, e.type, e.body["message"]), ("invalid_value", "invalid_request_error", "temperature is above 2"))
    raise AssertionError("it was answered")


@scenario
def a_model_that_is_no_chat_answers_a_chat():
    reply = sdk().chat.completions.create(model="tongue", messages=say("guten Morgen zusammen"))
    same((reply.choices[0].message.content, reply.model), ("de", "tongue"))
    again = sdk().chat.completions.create(model="tongue", messages=say("guten Morgen zusammen"))
    assert reply.id != again.id, f"both are {again.id}"


@scenario
def a_model_that_is_no_chat_answers_a_stream():
    chunks = list(sdk().chat.completions.create(model="tongue", messages=say("guten Morgen zusammen"), stream=True))
    same("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "de")


@scenario
def an_expression_answers_chats_and_streams():
    reply = sdk().chat.completions.create(model="parrot+tongue", messages=say("guten Morgen zusammen"))
    parts = json.loads(reply.choices[0].message.content)
    same((parts["tongue"], parts["parrot"]["choices"][0]["message"]["content"]), ({"language": "de"}, "guten Morgen zusammen"))
    allow(3)
    chunks = list(sdk().chat.completions.create(model="parrot + tongue", messages=say("guten Morgen zusammen"), stream=True))
    same(json.loads("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))["tongue"], {"language": "de"})


@scenario
def a_client_that_leaves_a_stream_harms_nobody():
    allow(1)
    stream = sdk().chat.completions.create(model="parrot", messages=say("one two"), stream=True)
    same(next(iter(stream)).choices[0].delta.content, "one ")
    stream.close()
    same(sdk().chat.completions.create(model="parrot", messages=say("still here")).choices[0].message.content, "still here")


run()
