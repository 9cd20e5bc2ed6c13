"""An S3 server of objects in memory that are replaced as S3 replaces them: at one moment, headers and bytes together, with If-Match.

`rclone serve s3` reads a file's ETag and its bytes one after the other: of an object that is replaced meanwhile it may send the
head of one version with the bytes of the other, which no client can see.
"""

import threading

from .listing import SyntheticS3, _etag, _Handler
from xml.sax.saxutils import escape


class MemoryS3(SyntheticS3):
    """One bucket, named as you like. `put` and `remove` are seen at once."""

    def __init__(self):
        self._objects, self._put = {}, threading.Lock()
        super().__init__(0)
        self._server.RequestHandlerClass = type("Handler", (_ObjectHandler,), {"world": self})

    def put(self, key, body):
        with self._put:
            self._objects[key] = body

    def remove(self, key):
        with self._put:
            self._objects.pop(key, None)

    def body(self, key):
        return self._objects.get(key)

    def keys(self):
        with self._put:
            return sorted((key, body) for key, body in self._objects.items())


class _ObjectHandler(_Handler):
    def object(self, key, head=False):
        body = self.world.body(key)
        wanted = self.headers.get("If-Match")
        if body is not None and wanted and wanted != _etag(body):
            return self.answer(412, b"" if head else b"<Error><Code>PreconditionFailed</Code></Error>", head=head)
        self.send(body, head)

    def listing(self, query):
        self.world.counted("lists")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after") or ""
        limit = min(int(query.get("max-keys") or 1000), 1000)
        rows, last, more, folders = [], "", False, set()
        for key, body in self.world.keys():
            if not key.startswith(prefix) or key <= after:
                continue
            if len(rows) == limit:
                more = True
                break
            last = key
            folder = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if folder[1]:
                if folder[0] not in folders:
                    folders.add(folder[0])
                    rows.append(f"<CommonPrefixes><Prefix>{escape(prefix + folder[0] + delimiter)}</Prefix></CommonPrefixes>")
                continue
            rows.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-28T10:00:00.000Z</LastModified>"
                f"<ETag>{_etag(body)}</ETag><Size>{len(body)}</Size></Contents>"
            )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{''.join(rows)}{token}</ListBucketResult>"
        )
        self.answer(200, body.encode(), [("Content-Type", "application/xml")])
