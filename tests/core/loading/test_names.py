"""Names of module form: safe, unique, near to what the file calls things."""

import re

from hypothesis import given
from hypothesis import strategies as st
from torch import fx, nn

from penjing.loading.names import MAX_LENGTH, SafeNames, is_safe

PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")


@given(
    st.lists(st.text(max_size=30) | st.sampled_from(["conv", "conv.bn", "conv_bn", "forward", "a/b", "0"]), max_size=30)
)
def test_that_any_names_become_safe_and_stay_apart_as_modules_and_as_variables(wanted: list[str]) -> None:
    names = SafeNames()
    made = [names.make(name) for name in wanted]
    for name in made:
        assert PATTERN.fullmatch(name)
        assert len(name) <= MAX_LENGTH
        assert is_safe(name)
    assert len({name.replace(".", "_") for name in made}) == len(made)
    # Every name can really be a module of one network: no layer is also a folder.
    assert not any(other.startswith(f"{name}.") for name in made for other in made)


def test_that_usual_names_are_kept_as_they_are() -> None:
    names = SafeNames()
    usual = ["conv1", "layer1.0.conv1", "layer1.0.bn1", "features.3", "fc"]
    assert [names.make(name) for name in usual] == usual


def test_that_words_of_python_and_of_modules_are_not_used_as_names() -> None:
    names = SafeNames()
    for word in ("class", "forward", "training", "lambda", "graph", "_modules", "parameters"):
        made = names.make(word)
        assert not hasattr(nn.Module(), made)
        assert not hasattr(fx.GraphModule, made)
        assert not is_safe(word)
