"""A fault never becomes a number: faults x readers, see matrix/ and docs/reliability.md.

CI plays a fixed selection; `make matrix` plays the whole of it and writes what each cell did into docs/reliability.md.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from matrix import faults, table
from matrix.cells import World, play
from matrix.readers import READERS


@pytest.fixture(scope="module")
def world(s3, session_folder):
    folder = session_folder / "matrix"
    folder.mkdir()
    world = World(s3, folder)
    yield world
    world.close()


def whole():
    """(trouble, scene, readers) of every column."""
    parts = [(faults.BY_NAME[name], scene) for scene in faults.PARTS for name in faults.PART_TROUBLES]
    chunks = [(trouble, scene) for scene in faults.SCENES for trouble in faults.TROUBLES]
    return [(trouble, scene, readers_of(scene)) for trouble, scene in parts + chunks]


def readers_of(scene):
    """`cat` reads a chunk and nothing else."""
    return [r for r in READERS if scene.part == "chunk" or r.reader != "cat" and scene.part in (*r.parts, "everything")]


def selection():
    """Every fault, every scene, every part, every reader at least once, and the worst for all readers."""
    columns = []
    for index, trouble in enumerate(faults.TROUBLES):
        columns.append((trouble, faults.SCENES[index * 3 % len(faults.SCENES)], some(READERS, index)))
    for index, scene in enumerate(faults.PARTS):
        name = faults.PART_TROUBLES[index * 3 % len(faults.PART_TROUBLES)]
        columns.append((faults.BY_NAME[name], scene, some(readers_of(scene), index)))
    opened = next(scene for scene in faults.PARTS if scene.before == "opened" and scene.lasts)
    return columns + [(faults.BY_NAME["403"], opened, readers_of(opened))]


def some(readers, index):
    return [readers[(index * 2 + step) % len(readers)] for step in range(2)]


def judge(cells):
    print(Counter(cell.outcome for cell in cells))
    wrong = [str(cell) for cell in cells if cell.wrong]
    assert not wrong, f"{len(wrong)} of {len(cells)} cells:\n" + "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_fault_never_becomes_a_number(world):
    columns = selection()
    assert {trouble.name for trouble, _, _ in columns} == set(faults.BY_NAME)
    assert {scene.name for _, scene, _ in columns} == {scene.name for scene in faults.SCENES + faults.PARTS}
    assert {reader for _, _, readers in columns for reader in readers} == set(READERS)
    judge(play(world, columns, jobs=4, done=table.Results(os.environ.get("MATRIX_RESULTS")).add))


@pytest.mark.matrix
@pytest.mark.timeout(3600)
def test_a_fault_never_becomes_a_number_whole(world):
    """MATRIX_ONLY chooses cells ("403 / all", "GDAL"). MATRIX_RESULTS keeps what each cell did, so that some may be played
    anew; MATRIX_TABLE is the document that gets the tables of all that is kept."""
    only, jobs = os.environ.get("MATRIX_ONLY", ""), int(os.environ.get("MATRIX_JOBS", "4"))
    columns = [(t, s, [r for r in readers if only in f"{t.name} / {s.name} / {r.name}"]) for t, s, readers in whole()]
    results = table.Results(os.environ.get("MATRIX_RESULTS"))
    cells = play(world, [column for column in columns if column[2]], jobs, results.add)
    if os.environ.get("MATRIX_TABLE"):
        table.write(Path(os.environ["MATRIX_TABLE"]), results, sum(len(readers) for _, _, readers in whole()))
    judge(cells)
