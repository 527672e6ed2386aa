"""A server on this machine, in a thread, answers a request with every call."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import ProxyHandler, build_opener


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *parts):
        pass


SERVER = HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=SERVER.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
OPENER = build_opener(ProxyHandler({}))


def work():
    with OPENER.open(f"http://127.0.0.1:{SERVER.server_port}/orders") as answer:
        return answer.read()
