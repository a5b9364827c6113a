"""A WSGI application, for gunicorn."""

import time
from urllib.parse import parse_qs

BIG = b"x" * 20_000_000


def app(environ, start_response):
    path = environ["PATH_INFO"]
    wait = int(parse_qs(environ["QUERY_STRING"]).get("ms", ["0"])[0]) / 1000
    if path == "/stream":
        start_response("200 OK", [])
        return stream(wait)
    body, status = {"/": b"hello", "/slow": b"slow", "/big": BIG, "/upload": b"thanks"}.get(path), "200 OK"
    if body is None:
        body, status = b"", "404 Not Found"
    if path == "/upload":
        environ["wsgi.input"].read()
    if path == "/slow":
        time.sleep(wait)
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


def stream(wait):
    yield b"first "
    time.sleep(wait)
    yield b"last"
