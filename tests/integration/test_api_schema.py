"""The OpenAPI document against the API: schemathesis sends what it says, and what it forbids.

Statuses, media types, headers and bodies have to be those of the document, what is valid has to be
accepted and what is not refused, and nothing may be an error of ours.
"""

from __future__ import annotations

import os
import traceback
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.api import caller

EXAMPLES = int(os.environ.get("API_EXAMPLES", "10"))
APART = timedelta(seconds=10)  # between calls, so that they are not too many
QUICKLY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def calling(tmp_path_factory):
    """Somebody who may do everything, over a run with a request of each kind of thing."""
    found = caller(tmp_path_factory.mktemp("api"), "all")
    found.browser.remote = "127.0.0.1"
    world = found.world
    world.ask(world.suspend(3))
    world.ask(world.suspend(2, rule="other", first=9), rule="other")
    return found


@pytest.fixture(scope="module")
def document(calling):
    """The document, as schemathesis reads it."""
    site = calling.browser.client().application
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site)


def real(calling, case):
    """The ids of what there is, in the place of those that were made up."""
    world = calling.world
    there = {"requests": "request", "actions": "action", "runs": "run"}
    part = case.path.split("/")[3]
    known = {"run": world.run, "rule": "disable-leaver"}
    if part in there:
        known["id"] = world.rows(there[part])[0]["id"]
    return {name: value for name, value in known.items() if name in case.path_parameters}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_api_does_what_its_document_says(document, calling, mode):
    broken, count = {}, 0
    for found in document.get_all_operations():
        operation = found.ok()
        count += 1

        @QUICKLY
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case):
            calling.browser.time += APART
            if mode is GenerationMode.POSITIVE:
                case.path_parameters.update(real(calling, case))
                case.query.pop("cursor", None)  # text that no answer gave is none
                case.headers.pop("Idempotency-Key", None)  # the same one twice is refused
            case.call_and_validate(headers={"Authorization": f"Bearer {calling.secret}"})

        try:
            send()
        except (AssertionError, BaseExceptionGroup) as error:
            broken[operation.label] = "\n".join(traceback.format_exception_only(error))
    assert not broken, "\n\n".join(f"{name}: {why}" for name, why in broken.items())
    assert count > 20
