"""The tenant with all that its resources need to answer."""

from __future__ import annotations

import uuid
from datetime import timedelta

from tests.services.graph.clock import Clock
from tests.services.graph.delta import Delta
from tests.services.graph.directory import Directory
from tests.services.graph.faults import Faults
from tests.services.graph.lag import Lag
from tests.services.graph.sign_in import SignIn
from tests.services.graph.throttle import Throttle
from tests.services.graph.tokens import Tokens


class Tenant:
    """One tenant, its directory and its switches."""

    def __init__(self, domains: tuple[str, ...]) -> None:
        self.id = str(uuid.uuid4())
        self.domains = domains
        self.clock = Clock()
        self.directory = Directory()
        self.faults = Faults()
        self.lag = Lag()
        self.throttle = Throttle()
        self.tokens = Tokens()
        self.delta = Delta(self.directory, self.tokens, self.faults)
        self.sign_in = SignIn(self.id, self.clock)

    def expire_delta_tokens(self) -> None:
        """Let all delta and skip tokens there are be too old."""
        self.tokens.not_before = self.clock.now() + timedelta(microseconds=1)
