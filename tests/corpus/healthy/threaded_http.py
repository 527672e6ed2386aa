"""A server with a thread for each connection answers two requests with every call."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: the second would wait for the client's acknowledgement, 40 ms.
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *parts):
        pass


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=SERVER.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()


def work():
    connection = http.client.HTTPConnection("127.0.0.1", SERVER.server_port)
    for _ in range(2):
        connection.request("POST", "/", body=b"x" * 2000)
        answer = connection.getresponse().read()
    connection.close()
    return len(answer)
