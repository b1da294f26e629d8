"""What a study keeps is found once, and never trusted."""

import pytest

from charrnn_jax.errors import InputError
from experiments.study.extras import BY_VOCABULARY, COSTS, REFERENCES
from experiments.study.kept import INTERVAL, once
from experiments.study.study import DIRECT, RECALLED, RECORD

TIMES = {"char": INTERVAL, "word": INTERVAL}


def test_what_is_kept_is_not_found_again(tmp_path):
    found = [{"right": [True]}, {"right": None}]
    assert once(tmp_path, "a", RECALLED, found.pop) == once(tmp_path, "a", RECALLED, found.pop) == {"right": None}
    assert len(found) == 1


@pytest.mark.parametrize("shape", [TIMES, RECORD, RECALLED, DIRECT, COSTS, BY_VOCABULARY, REFERENCES])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"char": {"estimate": 1.0}, "right": 1, "map": 1}'])
def test_what_is_damaged_is_measured_again_once_it_is_removed(tmp_path, shape, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a.json is damaged \(.*\): remove it, and it is measured again") as refused:
        once(tmp_path, "a", shape, dict)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "a.json").read_text() == content
