import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from hypersync.config.models import SiloConfig
from hypersync.config.source import Section, read_yaml
from hypersync.connectors import registry

PAGE = (Path(__file__).parents[2] / "docs/reference/connectors.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_reference_are_right(example: str, tmp_path: Path):
    mistakes: list = []
    tree = read_yaml(example.encode(), "example", lambda _: "s3cret", mistakes)
    assert mistakes == []
    assert isinstance(tree, Section)
    assert registry.build("silo", SiloConfig.model_validate(tree), root=tmp_path).streams()


@pytest.mark.parametrize("name", registry.names())
def test_reference_describes_every_option_and_has_an_example(name: str):
    options = registry.lookup(name).options
    (_, of_types) = get_args(options.model_fields["types"].annotation)
    assert f"connector: {name}\n" in SECTIONS[name]
    for key in own_keys(options) | own_keys(of_types):
        assert f"`{key}`" in SECTIONS[name], key


def own_keys(model: type[BaseModel]) -> set[str]:
    """Return the keys that a connector adds to those that all have."""
    return set(model.model_fields) - {"types", "attributes", "enabled", "members"}
