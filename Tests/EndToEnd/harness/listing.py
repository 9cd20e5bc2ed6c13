"""An S3 server of generated objects: any number of keys without a file behind them. Anonymous; GET, HEAD, LIST version 2."""

import hashlib
import http.server
import threading
import urllib.parse
from xml.sax.saxutils import escape


class SyntheticS3:
    """One bucket; `flat/` holds `count` objects named f0000000 upwards, each holding its own name.

    `hold_after` pages of a listing, further ones wait for `released`; `fail_after` pages, further ones are answered 500.
    """

    def __init__(self, count, page=1000, hold_after=None, fail_after=None):
        self.count, self.page, self.hold_after, self.fail_after = count, page, hold_after, fail_after
        self.released = threading.Event()
        self.lists = self.gets = self.heads = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"world": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def name(self, index):
        return f"f{index:07d}"

    def body(self, key):
        """An object's bytes, or nothing where there is none."""
        name = key.removeprefix("flat/")
        if key != name and len(name) == 8 and name[0] == "f" and name[1:].isdigit() and int(name[1:]) < self.count:
            return name.encode()
        return None

    def counted(self, what):
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)

    def stop(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        """A client that goes away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, code, body=b"", headers=(), head=False):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def split(self):
        path, _, query = self.path.partition("?")
        words = urllib.parse.unquote(path).lstrip("/").partition("/")
        return words[2], dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    def do_HEAD(self):
        key, _ = self.split()
        self.world.counted("heads")
        if not key:
            return self.answer(200, head=True)
        self.object(key, head=True)

    def do_GET(self):
        key, query = self.split()
        if not key and ("list-type" in query or "delimiter" in query):
            return self.listing(query)
        if "location" in query:
            return self.answer(200, b'<?xml version="1.0"?><LocationConstraint/>')
        self.world.counted("gets")
        self.object(key)

    def object(self, key, head=False):
        self.send(self.world.body(key), head)

    def send(self, body, head):
        if body is None:
            return self.answer(404, b"" if head else b"<Error><Code>NoSuchKey</Code></Error>", head=head)
        headers = [("ETag", _etag(body)), ("Last-Modified", "Sat, 28 Nov 2026 10:00:00 GMT"), ("Accept-Ranges", "bytes")]
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and not wanted.startswith("bytes=-"):
            first, _, last = wanted[6:].partition("-")
            first, last = int(first), min(int(last or len(body) - 1), len(body) - 1)
            if first >= len(body):
                return self.answer(416, headers=[("Content-Range", f"bytes */{len(body)}")], head=head)
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
            return self.answer(206, body[first : last + 1], headers, head)
        self.answer(200, body, headers, head)

    def listing(self, query):
        world = self.world
        world.counted("lists")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        limit = min(int(query.get("max-keys") or world.page), world.page)
        after = query.get("continuation-token") or query.get("start-after") or ""
        begin = int(after[6:]) + 1 if after.startswith("flat/f") else 0
        page = begin // world.page
        if limit > 2 and page:
            if world.fail_after is not None and page >= world.fail_after:
                return self.answer(500, b"<Error><Code>InternalError</Code></Error>")
            if world.hold_after is not None and page >= world.hold_after:
                world.released.wait()
        rows, more = [], False
        if prefix in ("", "f", "fl", "fla", "flat") and delimiter:
            rows.append("<CommonPrefixes><Prefix>flat/</Prefix></CommonPrefixes>")
        elif "flat/".startswith(prefix) or prefix.startswith("flat/"):
            wanted = prefix[5:]
            if wanted:
                names = [i for i in [_index(world, wanted)] if i is not None]
            else:
                names = range(begin, min(begin + limit, world.count))
                more = begin + limit < world.count
            for index in names:
                name = world.name(index)
                rows.append(
                    f"<Contents><Key>{escape('flat/' + name)}</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified>"
                    f"<ETag>{_etag(name.encode())}</ETag><Size>{len(name)}</Size></Contents>"
                )
            if more:
                rows.append(f"<NextContinuationToken>flat/{world.name(begin + limit - 1)}</NextContinuationToken>")
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount>"
            f"<MaxKeys>{limit}</MaxKeys><IsTruncated>{'true' if more else 'false'}</IsTruncated>{''.join(rows)}</ListBucketResult>"
        )
        self.answer(200, body.encode(), [("Content-Type", "application/xml")])


def _etag(body):
    return '"' + hashlib.md5(body).hexdigest() + '"'


def _index(world, wanted):
    """The one object whose whole name `wanted` is; a prefix that ends in a slash has none below."""
    if len(wanted) == 8 and wanted[1:].isdigit() and int(wanted[1:]) < world.count:
        return int(wanted[1:])
    return None
