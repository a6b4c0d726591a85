"""A small server for the tests. `server.py PORT` answers 200 on every path, and its environment's WORD on /word.

DELAY: answer 503 for as many seconds first.  STUBBORN: ignore SIGTERM.  CHILD: a file to write the pid of a child to
that has left the process group.  FAIL: print it and end.
"""

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if os.environ.get("FAIL"):
    sys.exit(os.environ["FAIL"])
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ.get("CHILD"):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with open(os.environ["CHILD"] + ".new", "w") as file:
        file.write(str(child.pid))
    os.rename(os.environ["CHILD"] + ".new", os.environ["CHILD"])
ready = time.monotonic() + float(os.environ.get("DELAY", "0"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("WORD", "").encode()
        self.send_response(200 if time.monotonic() >= ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


print("listening on", sys.argv[1])
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
