"""A small share of `benchmarks.robustness` in every test run: damaged and hostile files, and killed engines."""

from benchmarks import robustness


def test_that_300_damaged_files_are_loaded_or_refused_in_words() -> None:
    found = robustness.damaged_files(quick=True)
    assert found["R1"]["holds"], found["R1"]["detail"]
    assert found["R1-memory"]["holds"], found["R1-memory"]["detail"]
    loaded = int(found["R1"]["detail"].split(": ")[1].split()[0])
    assert 0 < loaded < 150  # the damage is real, and not all of it hits what counts


def test_that_nothing_in_a_file_runs_or_leaves_its_folder() -> None:
    found = robustness.hostile_content(quick=True)
    assert found["R2"]["holds"], found["R2"]["detail"]


def test_that_killed_engines_are_replaced() -> None:
    found = robustness.killed_engines(quick=True)
    assert found["R3"]["holds"], found["R3"]["detail"]
