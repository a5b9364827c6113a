"""A server of http.server. At SIGTERM another thread calls shutdown(), as in its documentation."""

import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BIG = b"x" * 20_000_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        wait = int(parse_qs(url.query).get("ms", ["0"])[0]) / 1000
        if url.path == "/":
            self.answer(b"hello")
        elif url.path == "/slow":
            time.sleep(wait)
            self.answer(b"slow")
        elif url.path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nfirst \r\n")
            time.sleep(wait)
            self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
        elif url.path == "/big":
            self.answer(BIG)
        else:
            self.answer(b"", 404)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"thanks")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
