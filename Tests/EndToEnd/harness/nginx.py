"""nginx on loopback by a configuration of its own: plain HTTP and HTTPS, ranges, no listing."""

import dataclasses
import os
from pathlib import Path

from . import processes
from .certificates import Authority

_CONFIGURATION = """
{user}
daemon off;
master_process on;
worker_processes 2;
pid {work}/nginx.pid;
error_log {work}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  log_format seen "$server_protocol $connection $request_method $status $uri";
  access_log {work}/access.log seen;
  client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3;
  uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
  default_type application/octet-stream;
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location / {{ }}
    location /redirected/ {{ rewrite ^/redirected/(.*)$ /$1 redirect; }}
    location /whole/ {{ alias {root}/; max_ranges 0; }}
    location /forbidden/ {{ return 403; }}
    {extra}
  }}
  server {{
    listen 127.0.0.1:{tls_port} ssl{http2};
    ssl_certificate {work}/server.pem;
    ssl_certificate_key {work}/server.key;
    root {root};
  }}
}}
"""


@dataclasses.dataclass
class Seen:
    """One request that was answered."""

    protocol: str
    #: A number for each connection.
    connection: str
    method: str
    status: int
    path: str


class Nginx:
    """`ca` is the certificate authority that signed the server's certificate for 127.0.0.1 and localhost.

    `http2`: offered on the TLS port.
    """

    def __init__(self, root, work, extra="", http2=False):
        self.root, self.work = Path(root), Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.port, self.tls_port = processes.free_port(), processes.free_port()
        authority = Authority(self.work)
        authority.issue("server")
        self.ca = authority.ca
        self.log = self.work / "nginx.log"
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = self.work / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user=user, work=self.work, port=self.port, tls_port=self.tls_port, root=self.root, extra=extra,
                http2=" http2" if http2 else "",
            )
        )
        self.process = processes.start(
            ["/usr/sbin/nginx", "-p", self.work, "-c", configuration], self.log, processes.environment(self.work)
        )
        processes.wait_for_port(self.port, self.process, self.log)
        processes.wait_for_port(self.tls_port, self.process, self.log)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://localhost:{self.tls_port}"

    def seen(self):
        """What was answered so far; the last of it may be written a moment after its answer."""
        rows = [line.split(" ", 4) for line in (self.work / "access.log").read_text().splitlines()]
        return [Seen(protocol, connection, method, int(status), path) for protocol, connection, method, status, path in rows]

    def stop(self):
        processes.stop(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
