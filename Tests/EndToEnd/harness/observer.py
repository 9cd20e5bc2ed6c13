"""System calls on a mount, each answer held against what `answers.Bucket` allows. An AssertionError where it is another."""

import ctypes
import errno
import os
import stat
import time

from . import processes
from .answers import ABSENT, FOLDER, Put
from .mount import PATIENCE, ZARRFS
from .telling import LINE

#: The kernel keeps names to its next tick, and a lookup that answers from knowledge tells its rest in whole milliseconds.
TICK = 0.02
#: A remote that takes longer to say so is answered for from what was known of directories (`Resolver.servable`).
PATIENT = 1.9
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_NOATIME = 1, 2, 4, 32, 1024
_libc = ctypes.CDLL(None, use_errno=True)


class Handle:
    """An open file: of one version for its whole life, one of `versions`."""

    def __init__(self, descriptor, path, size, inode, versions):
        self.descriptor, self.path, self.size, self.inode, self.versions = descriptor, path, size, inode, versions


class Observer:
    """`did` tells the last operation and its answer."""

    def __init__(self, mount, bucket):
        self.mount, self.bucket = mount, bucket
        self.handles = []
        self.did = ""
        self._calls = []
        self._slow = float("-inf")
        #: What each inode number was seen to hold.
        self._held = {}

    # --- operations

    def stat(self, path):
        answer, allowed = self._ask(os.stat, path)
        self._did("stat", path, answer)
        self._check_shape(path, answer, allowed)

    def list(self, path):
        names, allowed = self._ask(os.listdir, path)
        self._did("list", path, names)
        self._check_names(path, names, allowed)

    def scan(self, path):
        """As a walk does: the kinds by the listing, the sizes by a stat of each."""

        def scan(place):
            with os.scandir(place) as entries:
                return [(entry.name, entry.is_dir()) for entry in entries]

        entries, allowed = self._ask(scan, path)
        is_listed = not isinstance(entries, OSError)
        names = [name for name, _ in entries] if is_listed else entries
        self._did("scan", path, names)
        shown = self._check_names(path, names, allowed)
        for name, is_folder in entries if is_listed else ():
            fits = any(shape == FOLDER if is_folder else isinstance(shape, Put) for shape in shown[name])
            assert fits, f"{name!r} is listed as {'a directory' if is_folder else 'a file'}, allowed are {shown[name]}"
        for name, _ in entries if is_listed else ():
            inner = f"{path}/{name}".strip("/")
            answer, allowed = self._ask(os.stat, inner)
            self._check_shape(inner, answer, allowed)

    def read(self, path, ranges=(), is_anew=False):
        """The ranges, or all of it in the pieces of a `cat`."""
        handle = self._open("read" if not ranges else f"read{ranges}", path)
        if handle:
            try:
                self._read(handle, ranges or [(start, 131_072) for start in range(0, handle.size + 1, 131_072)], is_anew)
            finally:
                os.close(handle.descriptor)

    def hold(self, path):
        handle = self._open("hold", path)
        if handle:
            self.handles.append(handle)

    def read_held(self, handle, ranges, is_anew):
        self._did(f"read held{ranges}{' anew' if is_anew else ''}", handle.path, handle)
        status = self._status(handle.descriptor, handle.path, handle.versions)
        same = (handle.size, handle.inode)
        assert status is None or (status.st_size, status.st_ino) == same, f"an open file became another: {status}"
        self._read(handle, ranges, is_anew)

    def release(self, handle):
        self._did("close", handle.path, handle)
        self.handles.remove(handle)
        os.close(handle.descriptor)

    def evict(self, path):
        """`zarrfs evict`, of what surely is there."""

        def evict(place):
            return processes.run([ZARRFS, "evict", place], env=self.mount.env, check=False, within=PATIENCE)

        result, allowed = self._ask(evict, path)
        self._did("evict", path, result.returncode)
        if ABSENT not in allowed.shapes(path):
            assert result.returncode == 0, f"it ended with {result.returncode}: {result.stderr}"

    def forget(self):
        """The kernel drops the names of this mount that nobody holds: a remount as it was does that."""
        flags = _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOATIME
        done = _libc.mount(None, os.fsencode(self.mount.point), None, flags, None) == 0
        self._did("forget", "", done)

    def remount(self, is_killed, is_cleared):
        """After SIGTERM, or after SIGKILL with or without taking away what that leaves mounted."""
        for handle in list(self.handles):
            self.release(handle)
        self._did("kill" if is_killed else "remount", "", is_cleared)
        if is_killed:
            self.mount.kill9()
            # Numbers given out since the last commit are given again.
            self._held.clear()
            if is_cleared:
                self.mount.clear()
        else:
            self.mount.stop()
        self.mount.start()

    # --- what is right

    def _did(self, what, path, answer):
        if isinstance(answer, os.stat_result):
            answer = FOLDER if stat.S_ISDIR(answer.st_mode) else f"{answer.st_size} bytes, inode {answer.st_ino}"
        elif isinstance(answer, OSError):
            answer = errno.errorcode[answer.errno]
        elif isinstance(answer, Handle):
            answer = f"{answer.versions}, inode {answer.inode}"
        self.did = f"{what} {path!r}: {answer}"

    def _ask(self, call, path):
        """The answer, or the OSError; and what was allowed. The kernel may have got a name as long ago as a call took that
        got it, after its time was told."""
        begun = time.monotonic()
        try:
            answer = call(self.mount / path)
        except OSError as error:
            answer = error
        ended = time.monotonic()
        life = self.bucket.time_to_live
        self._calls = [(then, took) for then, took in self._calls if then >= begun - life] + [(ended, ended - begun)]
        oldest = begun - life - max(took for _, took in self._calls) - TICK
        if ended - begun > PATIENT:
            self._slow = ended
        if ended - self._slow < 2 * PATIENT + life:
            oldest = float("-inf")
        return answer, self.bucket.since(oldest)

    def _check_shape(self, path, answer, allowed):
        shapes = allowed.shapes(path)
        if isinstance(answer, OSError):
            self._check_refusal(path, answer, allowed)
        elif stat.S_ISDIR(answer.st_mode):
            assert FOLDER in shapes, f"a directory, allowed are {shapes}"
        else:
            self._note(answer.st_ino, self._versions(answer, shapes))

    def _versions(self, status, shapes):
        versions = [shape for shape in shapes if isinstance(shape, Put) and len(shape.body) == status.st_size]
        assert versions, f"a file of {status.st_size} bytes, allowed are {shapes}"
        return versions

    def _check_refusal(self, path, error, allowed):
        above = [path[:index] for index, letter in enumerate(path) if letter == "/"]
        if error.errno == errno.ENOENT:
            right = any(ABSENT in allowed.shapes(place) for place in [*above, path])
        else:
            right = error.errno == errno.ENOTDIR and any(isinstance(s, Put) for place in above for s in allowed.shapes(place))
        assert right, f"{error}, allowed are {allowed.shapes(path)}"

    def _check_names(self, path, names, allowed):
        """What was allowed, by name."""
        shapes = allowed.shapes(path)
        if isinstance(names, OSError):
            if names.errno != errno.ENOTDIR or not any(isinstance(shape, Put) for shape in shapes):
                self._check_refusal(path, names, allowed)
            return {}
        assert FOLDER in shapes, f"listed, allowed are {shapes}"
        shown = allowed.names(path)
        assert len(set(names)) == len(names), "a name is shown twice"
        for name in names:
            assert shown.get(name, {ABSENT}) != {ABSENT}, f"{name!r} is shown, and was not there of late"
        for name, shapes in shown.items():
            assert name in names or ABSENT in shapes, f"{name!r} is not shown, allowed are {shapes}"
        return shown

    def _open(self, what, path):
        """A handle; nothing for what is absent or a directory."""
        descriptor, allowed = self._ask(lambda place: os.open(place, os.O_RDONLY), path)
        if isinstance(descriptor, OSError):
            self._did(what, path, descriptor)
            self._check_refusal(path, descriptor, allowed)
            return None
        status = self._status(descriptor, path, allowed.shapes(path))
        self._did(what, path, status or "ESTALE")
        if status is None or stat.S_ISDIR(status.st_mode):
            os.close(descriptor)
            is_right = status is None or FOLDER in allowed.shapes(path)
            assert is_right, f"a directory is opened, allowed are {allowed.shapes(path)}"
            return None
        try:
            versions = self._versions(status, allowed.shapes(path))
        except AssertionError:
            os.close(descriptor)
            raise
        return Handle(descriptor, path, status.st_size, status.st_ino, versions)

    def _status(self, descriptor, path, versions):
        """Nothing where it is ESTALE: a READ found the version gone, and nobody has looked the name up since."""
        try:
            return os.fstat(descriptor)
        except OSError as error:
            now = self.bucket.now.objects.get(path)
            right = error.errno == errno.ESTALE and any(isinstance(v, Put) and v is not now for v in versions)
            assert right, f"{error}, of {versions}; there is {now}"
            return None

    def _read(self, handle, ranges, is_anew):
        """`is_anew`: the kernel's own copy is dropped first."""
        if is_anew:
            os.posix_fadvise(handle.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for offset, count in ranges:
            wanted = max(0, min(count, handle.size - offset))
            got = b""
            while len(got) < wanted or (not wanted and not got):
                piece, _ = self._ask(lambda _: os.pread(handle.descriptor, count - len(got), offset + len(got)), handle.path)
                if isinstance(piece, OSError):
                    return self._check_loss(handle, offset + len(got), piece)
                assert piece or not wanted, f"a READ of nothing at {offset + len(got)} of {handle.size}"
                if not piece:
                    break
                got += piece
            self._match(handle, offset, got)

    def _check_loss(self, handle, offset, error):
        """Bytes may be lost of a version that is not there any more."""
        now = self.bucket.now.objects.get(handle.path)
        right = error.errno in (errno.ESTALE, errno.EIO) and any(version is not now for version in handle.versions)
        assert right, f"{error} at {offset}, of {handle.versions}; there is {now}"

    def _match(self, handle, offset, got):
        versions = [version for version in handle.versions if version.body[offset : offset + len(got)] == got]
        if not versions:
            expected = handle.versions[0].body[offset : offset + len(got)]
            place = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
            start = max(0, place - LINE)
            raise AssertionError(
                f"{len(got)} bytes at {offset} are of none of {handle.versions}: "
                f"at {offset + place} {got[start : place + LINE]!r}, not {expected[start : place + LINE]!r}"
            )
        handle.versions = versions
        self._note(handle.inode, versions)

    def _note(self, inode, versions):
        """An inode number is one version's; where the tag is a digest, puts of the same bytes are one version."""
        bodies = {version.body for version in versions}
        both = [version for version in self._held.get(inode, versions) if version.body in bodies]
        assert both, f"inode {inode} held {self._held[inode]}, and now one of {versions}"
        self._held[inode] = both
