"""An HTTP server that webhooks post to: webhook_receiver.py PORT FILE [CERTIFICATE KEY]

FILE gets one JSON line per request: path, headers, body (latin-1), the answer's status, and the time.
It is written before the answer goes out. What is answered stands in the path:
  /ok  /status/422/words  /retry/503/2 (Retry-After)  /flaky (500 once, then 200)  /slow  /huge
  /cut (hangs up without an answer)  /busy  /redirect
PORT 0: the kernel's choice; it is printed.
"""
import http.server
import json
import os
import ssl
import sys
import threading
import time

log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
lock = threading.Lock()
seen = {}
busy = [0, 0]


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        with lock:
            busy[0] += 1
            busy[1] = max(busy)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, *rest = self.path.split("?")[0].strip("/").split("/")
        message = self.headers.get("X-Spoolmq-Id")
        with lock:
            seen[message] = seen.get(message, 0) + 1
            times = seen[message]
        status, words, headers = 200, "taken", []
        if kind == "status":
            status, words = int(rest[0]), rest[1] if len(rest) > 1 else ""
        elif kind == "retry":
            status, headers = (int(rest[0]), [("Retry-After", rest[1])]) if times == 1 else (200, [])
        elif kind == "flaky":
            status = 500 if times == 1 else 200
        elif kind == "busy":
            time.sleep(0.2)
        elif kind == "huge":
            words = "a" * (3 << 20)
        elif kind == "redirect":
            status, headers = 307, [("Location", "/ok")]
        line = {"path": self.path, "headers": dict(self.headers), "body": body.decode("latin-1"),
                "status": status, "time": time.time(), "busiest": busy[1]}
        with lock:
            os.write(log, json.dumps(line).encode() + b"\n")
            busy[0] -= 1
        if kind == "cut" and times == 1:
            self.close_connection = True
            return
        if kind == "slow" and times == 1:
            time.sleep(5)
        try:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words.encode())
        except OSError:
            self.close_connection = True

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", int(sys.argv[1])), Receiver)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_address[1], flush=True)
server.serve_forever()
