"""An HTTP/1.1 proxy in front of a server: it counts requests by method and key, and breaks them as told.

It forwards the head of a request unchanged, so that signatures hold. Faults come by count, not by chance.
"""

import dataclasses
import http.client
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from .faults import AFTER, BEFORE, Answer, Fault, Gone, Reset


@dataclasses.dataclass
class Request:
    """One request as it was seen. `kind` is GET, HEAD, PUT ..., or LIST for a listing of keys."""

    kind: str
    key: str
    query: dict
    headers: dict
    status: int = 0
    sent: int = 0

    @property
    def range(self):
        return self.headers.get("range")


class Proxy:
    """Listens on a port of its own; `bucket` is cut off the front of keys.

    `certificate` (a pair of files) makes it speak TLS; another one may be presented later.
    """

    def __init__(self, port, bucket="bucket", certificate=None):
        self._upstream, self._bucket = port, bucket
        self._lock = threading.Lock()
        self._faults, self._seen, self._connections = [], [], set()
        self._context = None
        if certificate:
            self.present(certificate)
        self._in_flight = self.most_in_flight = 0
        self.delay = 0.0
        self._listener = None
        self.port = 0
        self.accept()

    @property
    def url(self):
        return f"https://localhost:{self.port}" if self._context else f"http://127.0.0.1:{self.port}"

    # --- what was seen

    def requests(self, kind=None, key=None):
        """Those seen so far whose kind and key match the regular expressions."""
        with self._lock:
            seen = list(self._seen)
        return [
            r for r in seen
            if (kind is None or re.fullmatch(kind, r.kind)) and (key is None or re.fullmatch(key, r.key))
        ]

    def count(self, kind=None, key=None):
        return len(self.requests(kind, key))

    def forget(self):
        """Counts from zero again."""
        with self._lock:
            self._seen.clear()
            self.most_in_flight = self._in_flight

    # --- faults

    def fault(self, action, **settings):
        """Adds a fault (see faults.py for those whose names do not say it all):

        hold: waits for release(), then forwards        stall: never answers (until release(), which closes)
        status(code, headers, body)                     delay(seconds)
        reset: a TCP reset instead of an answer         reset_head(after), reset_body(after): after so many bytes of it
        truncate(after): the head promises all, `after` bytes of the body come, then the end; stall_body(after): silence
        drip(rate): so many bytes a second              length(by): Content-Length is wrong by so many
        flip: bytes of the body are wrong               checksum(flip): the true CRC-32 is told
        whole: a range is answered with all             content_range, tag: of other bytes, of another version
        garbage: no XML                                 token(how): a listing without end, "repeat" or "lose"
        hide: where the server says 404, 403 as AWS does to who may not list the bucket
        """
        fault = Fault(action, **settings)
        with self._lock:
            self._faults.append(fault)
        return fault

    def forbid_listing(self):
        """As S3 to who has GetObject and not ListBucket: LIST is denied, and what is absent is answered 403."""
        denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        return self.fault("status", kind="LIST", code=403, body=denied), self.fault("hide", kind="GET|HEAD")

    def heal(self):
        """No faults any more; what they held goes on or is closed."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()

    def present(self, certificate):
        """Shows this (certificate, key) to those who connect from now on; who is connected is cut."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self._context = context
        self._cut()

    def refuse(self):
        """Connections are refused, those open are cut."""
        listener, self._listener = self._listener, None
        if listener:
            # A blocked accept() does not notice close() alone.
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        self._cut()

    def accept(self):
        """Listens (again), on the same port."""
        if self._listener:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept_loop, args=(listener,), daemon=True).start()

    def stop(self):
        self.heal()
        self.refuse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- the inside

    def _cut(self):
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept_loop(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=100)
        plain, stream, is_reset = connection, None, False
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                # Wrapping detaches the socket it was given.
                with self._lock:
                    self._connections.discard(plain)
                    self._connections.add(connection)
            stream = connection.makefile("rb")
            while self._serve_one(connection, stream, upstream):
                pass
        except Reset:
            is_reset = True
        except (Gone, OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            upstream.close()
            with self._lock:
                self._connections -= {plain, connection}
            try:
                if is_reset:
                    # Closed without lingering; a shutdown before would end it in order.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            if stream:
                stream.close()
            connection.close()

    def _read_head(self, stream):
        line = stream.readline(65536)
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        while True:
            line = stream.readline(65536)
            if line in (b"\r\n", b"\n", b""):
                return method, target, headers
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))

    def _serve_one(self, connection, stream, upstream):
        head = self._read_head(stream)
        if head is None:
            return False
        method, target, headers = head
        path, _, query_text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        key = urllib.parse.unquote(path).lstrip("/")
        if self._bucket and (key == self._bucket or key.startswith(self._bucket + "/")):
            key = key[len(self._bucket) + 1 :]
        lower = {name.lower(): value for name, value in headers}
        kind = "LIST" if method == "GET" and ("list-type" in query or "delimiter" in query) else method
        request = Request(kind, query.get("prefix", "") if kind == "LIST" else key, query, lower)
        length = int(lower.get("content-length", 0))
        body = stream.read(length) if length else None
        with self._lock:
            self._seen.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            fault = next((f for f in self._faults if f.matches(request)), None)
            if fault:
                fault.hits += 1
        try:
            if self.delay:
                time.sleep(self.delay)
            return self._answer(connection, upstream, method, target, headers, body, request, fault)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _answer(self, connection, upstream, method, target, headers, body, request, fault):
        if fault and fault.action in BEFORE:
            instead = BEFORE[fault.action](connection, fault, request)
            if instead:
                request.status = instead.status
                instead.send(connection, fault)
                return True
        change = AFTER.get(fault.action) if fault else None
        # A server that knows no ranges does not hear of them.
        deaf = ("range",) if change and fault.action == "whole" else ()
        upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in ("connection", "keep-alive", *deaf):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        response = upstream.getresponse()
        request.status = response.status
        kept = [(n, v) for n, v in response.getheaders() if n.lower() not in ("connection", "transfer-encoding", "keep-alive")]
        empty = method == "HEAD" or response.status in (204, 304)
        if change:
            answer = Answer(response.status, response.reason, kept, response.read(), empty)
            if not empty:
                answer.set("Content-Length", len(answer.body))
            change(answer, fault, request)
            request.status = answer.status
            request.sent = answer.send(connection, fault)
            return not response.will_close
        return self._forward(connection, response, kept, empty, request)

    def _forward(self, connection, response, headers, empty, request):
        """As it comes."""
        lines = [f"HTTP/1.1 {response.status} {response.reason}"] + [f"{n}: {v}" for n, v in headers]
        chunked = not empty and not any(n.lower() == "content-length" for n, _ in headers)
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if empty:
            response.read()
            return True
        while True:
            piece = response.read(65536)
            request.sent += len(piece)
            if chunked:
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                if not piece:
                    return True
            elif piece:
                connection.sendall(piece)
            if not piece:
                return not response.will_close
