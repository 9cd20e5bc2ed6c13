"""A forward proxy on loopback: CONNECT tunnels and GETs of absolute URIs (RFC 9112, 3.2.2 and 3.2.3), counted."""

import base64
import select
import socket
import threading
import urllib.parse


class ForwardProxy:
    """`login` as `user:password`: what does not show it is answered 407.

    `tunnels` and `forwarded` name what was asked, `refused` how often a login was missing.
    """

    def __init__(self, login=None):
        self._login = login and "Basic " + base64.b64encode(login.encode()).decode()
        self.tunnels, self.forwarded, self.refused = [], [], 0
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        """One request head is read; what follows on the connection goes to the same server, as it is."""
        with self._lock:
            self._open.add(connection)
        try:
            while self._serve_one(connection):
                pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _serve_one(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return False
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        shown = {name.lower(): value for name, value in headers}
        if self._login and shown.get("proxy-authorization") != self._login:
            with self._lock:
                self.refused += 1
            connection.sendall(
                b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return False
        if method == "CONNECT":
            with self._lock:
                self.tunnels.append(target)
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                connection.sendall(b"HTTP/1.1 200 Tunnel\r\n\r\n")
                upstream.sendall(rest)
                self._pump(connection, upstream)
            return False
        url = urllib.parse.urlsplit(target)
        with self._lock:
            self.forwarded.append(target)
        # One request a connection: a server's end of the response is then the connection's.
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [f"{n}: {v}" for n, v in headers if n.lower() not in ("proxy-authorization", "proxy-connection", "connection")]
        with socket.create_connection((url.hostname, url.port or 80)) as upstream:
            request = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close"]) + "\r\n\r\n"
            upstream.sendall(request.encode("latin-1") + rest)
            self._pump(connection, upstream)
        return False

    @staticmethod
    def _pump(client, server):
        other = {client: server, server: client}
        while True:
            for ready in select.select([client, server], [], [])[0]:
                piece = ready.recv(65536)
                if not piece:
                    return
                other[ready].sendall(piece)
