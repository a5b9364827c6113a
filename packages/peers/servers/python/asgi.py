"""An ASGI application, for uvicorn."""

import asyncio
from urllib.parse import parse_qs

BIG = b"x" * 20_000_000


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"]
    wait = int(parse_qs(scope["query_string"].decode()).get("ms", ["0"])[0]) / 1000
    body, status = {"/": b"hello", "/slow": b"slow", "/stream": b"last", "/big": BIG, "/upload": b"thanks"}.get(path), 200
    if body is None:
        body, status = b"", 404
    if path == "/upload":
        while (await receive()).get("more_body"):
            pass
    if path == "/slow":
        await until_gone(receive, wait)
    headers = [] if path == "/stream" else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await until_gone(receive, wait)
    await send({"type": "http.response.body", "body": body})


async def until_gone(receive, seconds):
    """Waits for some seconds, or until the client has hung up."""

    async def gone():
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except asyncio.TimeoutError:
        pass
