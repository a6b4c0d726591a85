"""Binds a Python server to the loopback interface though its code says "every interface".

KServe's and Seldon's servers cannot be told otherwise, and a laptop's models are nobody else's business. Python
loads this file by itself where its folder is on PYTHONPATH.
"""

import importlib.abc
import importlib.util
import socket
import sys

_bind = socket.socket.bind


def _loopback(self, address):
    if isinstance(address, tuple):
        if address[0] in ("", "0.0.0.0"):
            address = ("::1" if self.family == socket.AF_INET6 else "127.0.0.1", *address[1:])
        elif address[0] == "::":
            address = ("::1", *address[1:])
    return _bind(self, address)


socket.socket.bind = _loopback


class _GRPC(importlib.abc.MetaPathFinder):
    """gRPC binds in native code, so its own method is wrapped as soon as the module is there."""

    def find_spec(self, name, path, target=None):
        if name != "grpc._server":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            add = module._Server.add_insecure_port

            def add_insecure_port(server, address):
                host, _, port = address.rpartition(":")
                if host in ("0.0.0.0", "[::]"):
                    address = "127.0.0.1:" + port
                return add(server, address)

            module._Server.add_insecure_port = add_insecure_port

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _GRPC())
