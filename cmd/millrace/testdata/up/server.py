"""A model server in plain JSON: `server.py PORT` answers {"label": "WORD TEXT"} to {"text": TEXT}, or lists for a list."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

word = os.environ["WORD"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        label = f"{word} {text}" if isinstance(text, str) else [f"{word} {t}" for t in text]
        body = json.dumps({"label": label}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


print("serving", word)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
