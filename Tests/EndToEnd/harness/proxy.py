"""An HTTP/1.1 proxy in front of a server: it counts requests by method and key, and breaks them as told.

It forwards the head of a request unchanged, so that signatures hold. Faults come by count, not by chance.
"""

import dataclasses
import http.client
import re
import socket
import struct
import threading
import time
import urllib.parse
import zlib
import base64


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


class Fault:
    """What happens to the requests it matches: `kind` and `key` are regular expressions over the whole of each.

    `times`: how many of them (None: all, until removed). `hits` counts those it struck.
    """

    def __init__(self, action, kind=".*", key=".*", times=None, where=None, **settings):
        self.action, self.times, self.settings, self.hits = action, times, settings, 0
        self._kind, self._key, self._where = re.compile(kind), re.compile(key), where
        self.released = threading.Event()

    def matches(self, request):
        return (
            (self.times is None or self.hits < self.times)
            and self._kind.fullmatch(request.kind)
            and self._key.fullmatch(request.key)
            and (self._where is None or self._where(request))
        )

    def release(self):
        """Lets go what `hold` or `stall` holds, and strikes no more."""
        self.times = 0
        self.released.set()


class _Gone(Exception):
    """The connection is to end now."""


class Proxy:
    """Listens on a port of its own; `bucket` is cut off the front of keys."""

    def __init__(self, port, bucket="bucket"):
        self._upstream, self._bucket = port, bucket
        self._lock = threading.Lock()
        self._faults, self._seen, self._connections = [], [], set()
        self._in_flight = self.most_in_flight = 0
        self.delay = 0.0
        self._listener = None
        self.port = 0
        self.accept()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

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
        """Adds a fault. Actions:

        hold: waits for release(), then forwards        stall: never answers (until release(), which closes)
        status(code): answers with it, body and all     reset: a TCP reset instead of an answer
        truncate(after): the head promises all, `after` bytes come, then the end
        stall_body(after): as many bytes, then silence  flip: every 997th byte of the body is wrong
        hide: where the server says 404, 403 as AWS does to who may not list the bucket
        checksum(flip): x-amz-checksum-crc32 is added, right for the true body; with flip=True the body is damaged
        delay(seconds): as it says
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
        stream = connection.makefile("rb")
        try:
            while self._serve_one(connection, stream, upstream):
                pass
        except (_Gone, OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            upstream.close()
            with self._lock:
                self._connections.discard(connection)
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
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
        action = fault.action if fault else None
        settings = fault.settings if fault else {}
        if action == "hold":
            fault.released.wait()
        elif action == "delay":
            time.sleep(settings["seconds"])
        elif action == "stall":
            fault.released.wait()
            raise _Gone
        elif action == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            raise _Gone
        elif action == "status":
            code = settings["code"]
            text = b"" if method == "HEAD" else (settings.get("body") or f"<Error><Code>Fault{code}</Code></Error>").encode()
            more = "".join(f"{k}: {v}\r\n" for k, v in settings.get("headers", {}).items())
            request.status = code
            connection.sendall(f"HTTP/1.1 {code} Fault\r\nContent-Length: {len(text)}\r\n{more}\r\n".encode() + text)
            return True

        upstream.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in ("connection", "keep-alive"):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        response = upstream.getresponse()
        if action == "hide" and response.status == 404:
            response.read()
            request.status = 403
            text = b"" if method == "HEAD" else b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            connection.sendall(f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
            return not response.will_close
        request.status = response.status
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        size = None
        for name, value in response.getheaders():
            if name.lower() == "content-length":
                size = int(value)
            if name.lower() not in ("connection", "transfer-encoding", "keep-alive"):
                lines.append(f"{name}: {value}")
        empty = method == "HEAD" or response.status in (204, 304)
        chunked = size is None and not empty
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        if action == "checksum":
            whole = response.read()
            true = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
            lines.append(f"x-amz-checksum-crc32: {true}")
            lines.append("x-amz-checksum-type: FULL_OBJECT")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            connection.sendall(_damaged(whole) if settings.get("flip") else whole)
            return True
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if empty:
            response.read()
            return True
        stop_after = settings.get("after", (size or 0) // 2) if action in ("truncate", "stall_body") else None
        while True:
            piece = response.read(65536)
            if stop_after is not None and request.sent + len(piece) >= stop_after:
                connection.sendall(piece[: stop_after - request.sent])
                if action == "stall_body":
                    fault.released.wait()
                raise _Gone
            if action == "flip":
                piece = _damaged(piece)
            request.sent += len(piece)
            if chunked:
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                if not piece:
                    return True
            elif piece:
                connection.sendall(piece)
            if not piece:
                return not response.will_close


def _damaged(piece):
    wrong = bytearray(piece)
    for index in range(0, len(wrong), 997):
        wrong[index] ^= 0xFF
    return bytes(wrong)
