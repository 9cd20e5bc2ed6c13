"""The faults of the matrix: what is done to which requests, and what may come of it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Trouble:
    """`action` and `settings` are of `Proxy.fault`, or `action` is a state of the whole line (see cells.py)."""

    name: str
    action: str
    settings: dict = dataclasses.field(default_factory=dict)
    #: Of the requests for what is struck. Listings are struck wherever they are in the cell.
    kind: str = "GET|HEAD|LIST"
    #: The remote said something by it: trying again until it says something else would be wrong, so a reader gets an error.
    answers: bool = False
    #: It says that there is no such object: then fill values are the right values.
    denies: bool = False
    #: Whether wrong bytes can be told at all.
    blind: bool = False
    #: As `blind`, but only where an object is read in parts, of which no checksum is told.
    blind_in_parts: bool = False
    #: Where it lasts, readers are right all the same, and not merely given an error.
    harmless: bool = False
    #: Another fault that goes on where this one has passed.
    after: tuple = ()

    @property
    def is_line(self):
        return self.action.startswith("line")

    @property
    def of_listings(self):
        return self.kind == "LIST"


def _status(code, **settings):
    return "status", {"code": code, **settings}


_WAIT = {"headers": {"Retry-After": "1"}}

TROUBLES = [
    Trouble("connection refused", "line refused"),
    Trouble("reset before the head", "reset"),
    Trouble("reset within the head", "reset_head", {"after": 40}),
    Trouble("reset after the head", "reset_body", {"after": 0}, "GET"),
    Trouble("reset within the body", "reset_body", {"after": 100}, "GET"),
    Trouble("stall before the head", "stall"),
    Trouble("stall within the body", "stall_body", {"after": 100}, "GET"),
    Trouble("slow drip", "drip", {"rate": 150}, "GET", harmless=True),
    Trouble("body truncated", "truncate", {"after": 0}, "GET"),
    Trouble("Content-Length too long", "length", {"by": 100}, "GET"),
    Trouble("Content-Length too short", "length", {"by": -10}, "GET"),
    Trouble("flipped bits, checksum offered", "checksum", {"flip": True}, "GET", blind_in_parts=True, after=("checksum", {})),
    Trouble("flipped bits, no checksum", "flip", {}, "GET", blind=True),
    Trouble("200 for a range", "whole", {}, "GET", harmless=True),
    Trouble("wrong Content-Range", "content_range", {}, "GET"),
    Trouble("206 of another ETag", "tag", {}, "GET", answers=True),
    Trouble("400", *_status(400), answers=True),
    Trouble("403", *_status(403), answers=True),
    Trouble("404", *_status(404), answers=True, denies=True),
    Trouble("408", *_status(408)),
    Trouble("409", *_status(409)),
    Trouble("412", *_status(412), answers=True),
    Trouble("416", *_status(416)),
    Trouble("429, Retry-After", *_status(429, **_WAIT)),
    Trouble("500", *_status(500)),
    Trouble("503, Retry-After", *_status(503, **_WAIT)),
    Trouble("listing: no XML", "garbage", {}, "LIST"),
    Trouble("listing: repeats its token", "token", {"how": "repeat"}, "LIST"),
    Trouble("listing: loses its token", "token", {"how": "lose"}, "LIST"),
    Trouble("TLS: certificate of another host", "line wrong"),
    Trouble("TLS: certificate expired", "line expired"),
]
BY_NAME = {trouble.name: trouble for trouble in TROUBLES}


@dataclasses.dataclass(frozen=True)
class Scene:
    """When a fault strikes, and what."""

    name: str
    #: What was done before: nothing, "opened" (by the reader, which goes on to read), "read" (everything was), "changed" (and
    #: the object was then replaced). The ttl is over each time.
    before: str
    #: chunk, coordinate, document, or everything.
    part: str = "chunk"
    lasts: bool = True
    #: --stale-if-error no
    strict: bool = False

    @property
    def is_cached(self):
        return self.before == "read" and not self.strict


#: The scenes of every fault, in the columns of the first table.
SCENES = [
    Scene("first read, passing", "", lasts=False),
    Scene("first read, lasting", ""),
    Scene("read again, passing", "read", lasts=False),
    Scene("read again, lasting", "read"),
    Scene("replaced, passing", "changed", lasts=False),
    Scene("replaced, lasting", "changed"),
    Scene("again, stale-if-error no", "read", strict=True),
]

#: The scenes of other parts, and the faults that they are played with.
PARTS = [
    Scene("coordinate, first, passing", "", "coordinate", lasts=False),
    Scene("coordinate, first, lasting", "", "coordinate"),
    Scene("coordinate, again, no stale", "read", "coordinate", strict=True),
    Scene("documents, first, passing", "", "document", lasts=False),
    Scene("documents, first, lasting", "", "document"),
    Scene("documents, again, no stale", "read", "document", strict=True),
    Scene("all, first, lasting", "", "everything"),
    Scene("all, opened, passing", "opened", "everything", lasts=False),
    Scene("all, opened, lasting", "opened", "everything"),
    Scene("all, opened, no stale", "opened", "everything", strict=True),
    Scene("all, again, lasting", "read", "everything"),
    Scene("all, again, no stale", "read", "everything", strict=True),
]
PART_TROUBLES = ["connection refused", "reset before the head", "stall before the head", "body truncated", "403", "500", "503, Retry-After"]
