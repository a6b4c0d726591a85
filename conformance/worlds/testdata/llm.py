"""A small server of OpenAI's API: a chat that says back what it was told, word by word.

A streamed word is sent only once POST /next allows it: whoever gets the first word before it allows the second got a stream.
"""

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

allowed = threading.Semaphore(0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {"status": "ok"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/next":
            allowed.release()
            return self.answer(200, {})
        asked = json.loads(body)
        if asked.get("model") != "parrot-1":
            return self.refuse(404, f"The model `{asked.get('model')}` does not exist", "model_not_found")
        if self.path == "/v1/embeddings":
            texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
            data = [{"object": "embedding", "index": i, "embedding": [float(len(t)), 0.5]} for i, t in enumerate(texts)]
            return self.answer(200, {"object": "list", "model": "parrot-1", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        if asked.get("temperature", 1) > 2:
            return self.refuse(400, "temperature is above 2", "invalid_value")
        words = asked["messages"][-1]["content"].split()
        if asked.get("stream"):
            return self.stream(words)
        message = {"role": "assistant", "content": " ".join(words)}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self.answer(200, self.chat("chat.completion", choices) | {"usage": {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}})

    def chat(self, kind, choices):
        return {"id": "chat-1", "object": kind, "created": 1, "model": "parrot-1", "choices": choices}

    def stream(self, words):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in words:
            allowed.acquire()
            if word == "BREAK":
                return self.connection.shutdown(socket.SHUT_RDWR)
            self.event(json.dumps(self.chat("chat.completion.chunk", [{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}])))
        self.event(json.dumps(self.chat("chat.completion.chunk", [{"index": 0, "delta": {}, "finish_reason": "stop"}])))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, text):
        data = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def refuse(self, status, message, code):
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
