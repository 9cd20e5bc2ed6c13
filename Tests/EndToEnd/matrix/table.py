"""What every cell did, as the tables of docs/reliability.md."""

import json
import threading
from collections import Counter
from pathlib import Path

from . import faults
from .readers import READERS

BEGIN, END = "<!-- matrix: begin (written by `make matrix`) -->", "<!-- matrix: end -->"


NAMED = ("EIO", "EACCES", "ESTALE", "ENOENT", "ENOTDIR")


class Results:
    """What cells did, by their names; in a file, a line for each, where a later line replaces an earlier one."""

    def __init__(self, path=None):
        self._path, self._lock, self.rows = path and Path(path), threading.Lock(), {}
        if self._path and self._path.exists():
            for line in self._path.read_text().splitlines():
                row = json.loads(line)
                self.rows[row["trouble"], row["scene"], row["reader"]] = row

    def add(self, cells):
        with self._lock:
            for cell in cells:
                row = {
                    "trouble": cell.trouble.name, "scene": cell.scene.name, "reader": cell.reader.name,
                    "outcome": cell.outcome, "wrong": cell.wrong, "hits": cell.hits, "seconds": round(cell.seconds, 1),
                    "detail": cell.detail[:300],
                }  # fmt: skip
                self.rows[cell.trouble.name, cell.scene.name, cell.reader.name] = row
                if self._path:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    with self._path.open("a") as file:
                        file.write(json.dumps(row) + "\n")

    def of(self, trouble=None, scene=None, reader=None):
        wanted = (trouble, scene, reader)
        return [row for name, row in self.rows.items() if all(w is None or w.name == n for w, n in zip(wanted, name, strict=True))]


def write(path, results, of):
    """`of`: how many cells there are."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{tables(results, of)}\n{END}{after}")


def tables(results, of):
    cells = results.of()
    wrong = sum(1 for cell in cells if cell["wrong"])
    first = _table(
        "fault", faults.TROUBLES, faults.SCENES, lambda trouble, scene: results.of(trouble, scene)
    )
    parts = _table(
        "what is struck, when", faults.PARTS, [faults.BY_NAME[name] for name in faults.PART_TROUBLES],
        lambda scene, trouble: results.of(trouble, scene),
    )  # fmt: skip
    kinds = sorted({kind(cell) for cell in cells}, key=lambda k: (k.startswith("error"), k))
    rows = [f"| reader | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for reader in READERS:
        count = Counter(kind(cell) for cell in results.of(reader=reader))
        rows.append(f"| {reader.name} | {' | '.join(str(count[k] or '') for k in kinds)} |")
    return "\n".join([
        f"{len(cells)} of {of} cells were played, {wrong} were wrong. A number is how many of the readers saw it.", "",
        "One chunk is struck:", "", first, "", "Other parts, and all at once:", "", parts, "",
        "By reader, over all cells:", "", *rows, "",
    ])  # fmt: skip


def kind(cell):
    """The outcome without what only matters while looking for a mistake."""
    outcome = cell["outcome"]
    if outcome.startswith("error") and outcome.split()[-1] not in NAMED:
        return "error of its own"
    return outcome.split(",")[0] if outcome.startswith("right") else outcome


def _table(corner, lines, columns, find):
    rows = [f"| {corner} | {' | '.join(column.name for column in columns)} |", "|---" * (len(columns) + 1) + "|"]
    for line in lines:
        rows.append(f"| {line.name} | {' | '.join(_summary(find(line, column)) for column in columns)} |")
    return "\n".join(rows)


def _summary(cells):
    count = Counter(f"**{cell['outcome']}**" if cell["wrong"] else kind(cell) for cell in cells)
    if len(count) < 2:
        return next(iter(count), "")
    # "error EIO 9, EACCES 1" rather than the word again and again.
    parts, said = [], False
    for name, number in sorted(count.items(), key=lambda item: (item[0].startswith("error"), -item[1], item[0])):
        is_error = name.startswith("error ")
        parts.append(f"{name.removeprefix('error ') if is_error and said else name} {number}")
        said = said or is_error
    return ", ".join(parts)
