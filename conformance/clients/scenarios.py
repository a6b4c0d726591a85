"""Runs the scenarios of a script, one after another, and tells how each went: one line of JSON a scenario.

A scenario is a function that is marked with @scenario; its name, read as a sentence, is the name of the test.
"""

import json
import sys
import time
import traceback

place = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
wanted = []


def scenario(function):
    wanted.append(function)
    return function


def run():
    for function in wanted:
        began = time.monotonic()
        try:
            function()
            error = ""
        except BaseException:
            error = traceback.format_exc()
        took = time.monotonic() - began
        print(json.dumps({"name": function.__name__.replace("_", " "), "error": error, "seconds": took}), flush=True)


def same(got, want, what=""):
    assert got == want, f"{what}\n got {got!r}\nwant {want!r}"


def server(name, transport="http"):
    """host:port of the first replica of a model server."""
    return place["servers"][name][0][transport]
