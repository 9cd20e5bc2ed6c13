"""What the proxy can do to a request and to its answer: the actions of `Proxy.fault`, each by its name."""

import base64
import dataclasses
import re
import threading
import time
import zlib


class Gone(Exception):
    """The connection is to end now."""


class Reset(Gone):
    """By a TCP reset, instead of an orderly end."""


class Fault:
    """What happens to the requests it matches: `kind` and `key` are regular expressions over the whole of each.

    `times`: how many of them (None: all, until removed). `hits` counts those it struck.
    """

    def __init__(self, action, kind=".*", key=".*", times=None, where=None, **settings):
        if action not in BEFORE and action not in AFTER:
            raise ValueError(f"there is no fault {action}")
        self.action, self.times, self.settings, self.hits = action, times, settings, 0
        self._kind, self._key, self._where = re.compile(kind), re.compile(key), where
        self.released = threading.Event()
        #: For what answers anew with what was answered once: a listing's first page, by its prefix.
        self.remembered = {}

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


@dataclasses.dataclass
class Answer:
    """A response on its way to the client."""

    status: int
    reason: str
    headers: list
    body: bytes
    #: A HEAD, or a status without a body.
    empty: bool = False
    #: So many bytes of the head and of the body are sent; nothing: all.
    head_until: int | None = None
    body_until: int | None = None
    #: Then: keep (the connection), close, reset, stall.
    then: str = "keep"
    #: Bytes a second; nothing: at once.
    rate: int | None = None

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def set(self, name, value):
        """`value` None takes the header out."""
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, str(value)))

    def replace(self, body):
        self.body = body
        self.set("Content-Length", len(body))

    def send(self, connection, fault):
        lines = [f"HTTP/1.1 {self.status} {self.reason}"] + [f"{n}: {v}" for n, v in self.headers]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        connection.sendall(head[: self.head_until])
        body = b"" if self.empty else self.body[: self.body_until]
        if self.rate:
            # Ten times a second, and given up when the fault is: a stop of the tests shall not wait for it.
            step = max(1, self.rate // 10)
            for start in range(0, len(body), step):
                connection.sendall(body[start : start + step])
                fault.released.wait(0.1)
        else:
            connection.sendall(body)
        if self.then == "stall":
            fault.released.wait()
        if self.then == "reset":
            raise Reset
        if self.then != "keep":
            raise Gone
        return len(body)


def damaged(piece, every=997):
    wrong = bytearray(piece)
    for index in range(0, len(wrong), every):
        wrong[index] ^= 0xFF
    return bytes(wrong)


# --- before the server is asked: (connection, fault, request) -> an Answer instead of the server's, or nothing


def hold(connection, fault, request):
    fault.released.wait()


def delay(connection, fault, request):
    time.sleep(fault.settings["seconds"])


def stall(connection, fault, request):
    fault.released.wait()
    raise Gone


def reset_before(connection, fault, request):
    raise Reset


def status(connection, fault, request):
    settings, code = fault.settings, fault.settings["code"]
    empty = request.kind == "HEAD" or code == 304
    text = settings.get("body") or f"<Error><Code>Fault{code}</Code></Error>"
    answer = Answer(code, "Fault", list(settings.get("headers", {}).items()), b"", empty)
    answer.replace(b"" if empty else text.encode())
    return answer


BEFORE = {"hold": hold, "delay": delay, "stall": stall, "reset": reset_before, "status": status}

# --- what comes back from the server: (answer, fault, request) changes the answer


def reset_head(answer, fault, request):
    answer.head_until, answer.body_until, answer.then = fault.settings.get("after", 40), 0, "reset"


def reset_body(answer, fault, request):
    answer.body_until, answer.then = _half(answer, fault), "reset"


def truncate(answer, fault, request):
    answer.body_until, answer.then = _half(answer, fault), "close"


def stall_body(answer, fault, request):
    answer.body_until, answer.then = _half(answer, fault), "stall"


def drip(answer, fault, request):
    answer.rate = fault.settings["rate"]


def flip(answer, fault, request):
    answer.body = damaged(answer.body)


def checksum(answer, fault, request):
    if answer.empty or answer.status not in (200, 206):
        return
    answer.set("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(answer.body).to_bytes(4, "big")).decode())
    answer.set("x-amz-checksum-type", "FULL_OBJECT")
    if fault.settings.get("flip"):
        answer.body = damaged(answer.body)


def length(answer, fault, request):
    """Content-Length is wrong by so many bytes. Too long: the connection then ends; too short: more comes than it says."""
    if not answer.empty:
        by = fault.settings["by"]
        answer.set("Content-Length", max(0, len(answer.body) + by))
        answer.then = "close" if by > 0 else "keep"


def whole(answer, fault, request):
    """As a server answers that knows no ranges: the proxy does not tell it of one."""
    if answer.status == 206 or answer.header("Content-Range"):
        answer.status, answer.reason = 200, "OK"
        answer.set("Content-Range", None)


def content_range(answer, fault, request):
    """The range that is told begins elsewhere than the one asked for."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.header("Content-Range") or "")
    if found:
        first, last, size = (int(number) + 1 for number in found.groups())
        answer.set("Content-Range", f"bytes {first}-{last}/{size}")


def tag(answer, fault, request):
    """Another version's ETag."""
    if answer.header("ETag"):
        answer.set("ETag", '"00000000000000000000000000000bad"')


def garbage(answer, fault, request):
    """The page of a hotel's network, with status 200."""
    answer.status, answer.reason = 200, "OK"
    answer.set("Content-Type", "text/html")
    answer.replace(b"<html><head><title>Welcome</title><body>Please&nbsp;log in<br></html>")


def token(answer, fault, request):
    """The listing says that more follows: `how` repeat (the same token and page for ever), or lose (without a token)."""
    prefix = request.query.get("prefix", "")
    if "continuation-token" in request.query and prefix in fault.remembered:
        answer.status, answer.reason = 200, "OK"
        return answer.replace(fault.remembered[prefix])
    more = b"<IsTruncated>true</IsTruncated>"
    if fault.settings["how"] == "repeat":
        more += b"<NextContinuationToken>b25l</NextContinuationToken>"
    text = re.sub(rb"<NextContinuationToken>.*?</NextContinuationToken>", b"", answer.body)
    fault.remembered[prefix] = re.sub(rb"<IsTruncated>\w+</IsTruncated>", more, text)
    answer.replace(fault.remembered[prefix])


def hide(answer, fault, request):
    """404 becomes the 403 that AWS gives to who may not list the bucket."""
    if answer.status == 404:
        answer.status, answer.reason = 403, "Forbidden"
        answer.replace(b"" if answer.empty else b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")


AFTER = {
    "reset_head": reset_head, "reset_body": reset_body, "truncate": truncate, "stall_body": stall_body, "drip": drip,
    "flip": flip, "checksum": checksum, "length": length, "whole": whole, "content_range": content_range, "tag": tag,
    "garbage": garbage, "token": token, "hide": hide,
}  # fmt: skip


def _half(answer, fault):
    return fault.settings.get("after", len(answer.body) // 2)
