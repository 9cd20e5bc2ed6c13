"""An S3 server of chosen keys: whatever bytes they are, for names that no file system or other server would take."""

import threading
import urllib.parse

from .listing import _etag, _Handler, _Server


class KeyedS3:
    """One bucket; `objects` maps keys (bytes) to bodies. `foreign` keys are listed with every prefix that is asked."""

    def __init__(self, objects, foreign=()):
        self.objects, self.foreign = dict(objects), list(foreign)
        self.asked = []
        handler = type("Handler", (_KeyedHandler,), {"world": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def body(self, key):
        return self.objects.get(key)

    def counted(self, what):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _KeyedHandler(_Handler):
    def split(self):
        path, _, query = self.path.partition("?")
        key = urllib.parse.unquote_to_bytes(path.lstrip("/").partition("/")[2])
        self.world.asked.append((self.command, key, query))
        return key, dict(urllib.parse.parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))

    def listing(self, query):
        world = self.world
        prefix = query.get("prefix", "").encode("utf-8", "surrogateescape")
        delimiter = query.get("delimiter", "").encode()
        rows = {}
        for key, body in world.objects.items():
            if not key.startswith(prefix):
                continue
            head, slash, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key[len(prefix) :], b"", b"")
            name = prefix + head + slash
            rows[name] = None if slash else body
        for key in world.foreign if prefix else ():
            rows[key] = b"foreign"
        limit = int(query.get("max-keys") or 1000)
        names = sorted(rows)
        begin = int(query.get("continuation-token") or 0)
        shown, more = names[begin : begin + limit], len(names) > begin + limit
        text = "".join(self.row(name, rows[name]) for name in shown)
        token = f"<NextContinuationToken>{begin + limit}</NextContinuationToken>" if more else ""
        self.answer(
            200,
            (
                '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<EncodingType>url</EncodingType><IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{text}"
                "</ListBucketResult>"
            ).encode(),
            [("Content-Type", "application/xml")],
        )

    @staticmethod
    def row(name, body):
        encoded = urllib.parse.quote(name, safe="/")
        if body is None:
            return f"<CommonPrefixes><Prefix>{encoded}</Prefix></CommonPrefixes>"
        return (
            f"<Contents><Key>{encoded}</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified>"
            f"<ETag>{_etag(body)}</ETag><Size>{len(body)}</Size></Contents>"
        )
