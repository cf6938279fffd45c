"""The requests of `link` by python-ldap, a library in C (the extra ``ldap-c``).

What it does not do for us (each is a test): options are global unless they are set on the
connection, and environment and ``ldap.conf`` set them too; there is no limit to waiting, and to
waiting for TLS none can be set; and after a connection broke, the next request opens another one
without signing in, so that a search would find what nobody may see and call that all. So every
option is ours, every wait has its end, a link that broke stays broken, and before TLS is left to
the library, the default one tries whether it comes about (which also says why it does not).

What it hides from us, and the default wire refuses: an attribute that stands twice in an entry (it
gives the values of one of them for both), what stands in an entry behind its attributes, an answer
to a request that was not sent, a result code without a number (which it takes for success), and
how long a message says it is (which it waits for, whatever it takes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import ldap
from ldap.controls import RequestControl, ResponseControl
from ldap.sasl import gssapi

from hypersync.connectors.directory import ldap3_link
from hypersync.connectors.directory.address import Address
from hypersync.connectors.directory.answers import (
    Answer,
    Code,
    Control,
    Entry,
    Lost,
    Raw,
    Result,
    Search,
    Step,
)
from hypersync.errors import SiloBusy, SiloRefused, SiloUnreachable

_KINDS = {"delete": ldap.MOD_DELETE, "add": ldap.MOD_ADD, "replace": ldap.MOD_REPLACE}
_UNSENT = (
    ldap.FILTER_ERROR,
    ldap.PARAM_ERROR,
    ldap.ENCODING_ERROR,
    ldap.NOT_SUPPORTED,
    TypeError,
    ValueError,
)
"""What the library raises before it sends anything."""
_BROKE = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)
_NOTHING = "1.1"  # RFC 4511, section 4.5.1.8


def open_link(url: str, address: Address) -> CLink:
    """Connect to one server and sign in; raises `SiloUnreachable` or `SiloRefused`."""
    has_tls = address.has_tls(url)
    if has_tls:
        _try(url, address)
    connection = ldap.initialize(url)
    try:
        _set_options(connection, address, has_tls=has_tls)
        if address.start_tls:
            _start_tls(connection, url)
        _sign_in(connection, url, address)
    except BaseException:
        _close(connection)
        raise
    return CLink(connection, address.timeout_seconds)


def _try(url: str, address: Address) -> None:
    cause = ldap3_link.why_unreachable(url, address)
    if cause:
        raise SiloUnreachable(cause)


def _set_options(connection: Any, address: Address, *, has_tls: bool) -> None:  # noqa: ANN401 - the library has no types
    """Set what is ours to say, whatever the environment and ``ldap.conf`` say."""
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.set_option(ldap.OPT_DEREF, ldap.DEREF_ALWAYS)
    connection.set_option(ldap.OPT_SIZELIMIT, 0)
    connection.set_option(ldap.OPT_TIMELIMIT, 0)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, address.timeout_seconds)
    connection.set_option(ldap.OPT_TIMEOUT, address.timeout_seconds)
    connection.set_option(ldap.OPT_X_SASL_NOCANON, 1)
    if has_tls:  # Kerberos signs and encrypts only where TLS does not; servers refuse both
        connection.set_option(ldap.OPT_X_SASL_SSF_MAX, 0)
    level = ldap.OPT_X_TLS_DEMAND if address.verify else ldap.OPT_X_TLS_NEVER
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, level)
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_SAN, ldap.OPT_X_TLS_TRY)
    if address.ca_file is not None:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(address.ca_file))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # the last: it takes the others over


def _start_tls(connection: Any, url: str) -> None:  # noqa: ANN401 - see above
    try:
        connection.start_tls_s()
    except ldap.LDAPError as error:
        raise SiloUnreachable(f"{url} does not start TLS: {_said(error)}") from error


def _sign_in(connection: Any, url: str, address: Address) -> None:  # noqa: ANN401 - see above
    try:
        if address.kerberos:
            connection.sasl_interactive_bind_s("", gssapi())
        else:
            user = address.user or ""
            number = connection.simple_bind(user, address.password.reveal() if user else "")
            connection.result4(number, timeout=address.timeout_seconds)
    except ldap.LDAPError as error:
        result = _result(error)
        if result is None and address.kerberos and not isinstance(error, _BROKE):
            raise SiloRefused(
                f"{url}: signing in by Kerberos failed: {_said(error)}; run kinit, and install "
                "the Debian package libsasl2-modules-gssapi-mit"
            ) from error
        if result is None:
            raise _unreachable(error, url, address) from error
        if result.is_(Code.BUSY, Code.UNAVAILABLE):
            raise SiloBusy(f"{url} is not available: {result.sentence}") from error
        raise SiloRefused(f"{url} refuses {address.who}: {result.sentence}") from error


def _unreachable(error: ldap.LDAPError, url: str, address: Address) -> SiloUnreachable:
    """Say why; the library says only that, so the other one is asked."""
    cause = ldap3_link.why_unreachable(url, address) if isinstance(error, _BROKE) else ""
    return SiloUnreachable(
        cause
        or f"{url} cannot be reached: {_said(error)}; the default wire can, so remove 'wire: c'"
    )


class CLink:
    """One connection of the library."""

    def __init__(self, connection: Any, timeout_seconds: int) -> None:  # noqa: ANN401 - see above
        self._connection = connection
        self._timeout = timeout_seconds
        self._broken = ""

    def search(self, search: Search) -> Answer:
        """Search once."""
        if not search.filter:  # to the library it means everything
            raise SiloRefused("this is not LDAP: the filter is empty")
        found, result, controls = self._ask(
            ldap.RES_SEARCH_RESULT,
            lambda: self._connection.search_ext(
                search.base,
                search.scope,
                search.whole_filter,
                list(search.attributes) or [_NOTHING],
                serverctrls=_sent(search.controls),
            ),
        )
        entries = [Entry(dn, raw) for dn, raw in found if dn is not None]
        references = [uri for dn, uris in found if dn is None for uri in uris]
        return Answer(entries, result, controls, (*references, *result.referrals))

    def add(self, dn: str, attributes: Raw, controls: Sequence[Control]) -> Result:
        """Add an entry."""
        values = [(name, list(each)) for name, each in attributes.items()]
        return self._write(
            ldap.RES_ADD, lambda: self._connection.add_ext(dn, values, _sent(controls))
        )

    def modify(
        self, dn: str, changes: Mapping[str, Sequence[Step]], controls: Sequence[Control]
    ) -> Result:
        """Modify an entry."""
        steps = [
            (_KINDS[kind], name, list(values) or None)
            for name, each in changes.items()
            for kind, values in each
        ]
        return self._write(
            ldap.RES_MODIFY, lambda: self._connection.modify_ext(dn, steps, _sent(controls))
        )

    def move(self, dn: str, rdn: str, parent: str | None, controls: Sequence[Control]) -> Result:
        """Rename an entry."""
        return self._write(
            ldap.RES_MODRDN,
            lambda: self._connection.rename(dn, rdn, parent, 1, _sent(controls)),  # 1: drop the old
        )

    def delete(self, dn: str, controls: Sequence[Control]) -> Result:
        """Delete an entry."""
        return self._write(
            ldap.RES_DELETE, lambda: self._connection.delete_ext(dn, _sent(controls))
        )

    def close(self) -> None:
        """Say goodbye; never raises."""
        _close(self._connection)

    def _write(self, answer: int, send: Callable[[], int]) -> Result:
        return self._ask(answer, send)[1]

    def _ask(self, answer: int, send: Callable[[], int]) -> tuple[Any, Result, dict[str, bytes]]:
        """Send a request and wait for its kind of answer: data, result and controls."""
        if self._broken:
            raise Lost(self._broken)
        try:
            number = send()
        except _UNSENT as error:
            raise SiloRefused(f"this is not LDAP: {_said(error)}") from error
        except ldap.LDAPError as error:
            raise self._lost(error) from error
        try:
            kind, data, _, controls, _, _ = self._connection.result4(
                number, timeout=self._timeout, resp_ctrl_classes=_AnyControl()
            )
        except (ldap.LDAPError, ValueError) as error:
            result = _result(error)
            if result is None:
                raise self._lost(error) from error
            return [], result, {}
        if kind != answer:
            raise self._lost(ValueError("the server answers another request than ours"))
        return data, Result(0), {each.controlType: each.encodedControlValue for each in controls}

    def _lost(self, error: Exception) -> Lost:
        self._broken = _said(error)
        return Lost(self._broken)


class _AnyControl(dict[str, Any]):
    """Takes every control of an answer as it came; the library drops those it does not know."""

    def __init__(self) -> None:
        super().__init__({"": ResponseControl})  # an empty one would mean the library's own

    def __missing__(self, oid: str) -> object:
        return ResponseControl


def _sent(controls: Sequence[Control]) -> list[RequestControl] | None:
    return [RequestControl(each.oid, each.critical, each.value) for each in controls] or None


def _result(error: Exception) -> Result | None:
    """Return how the server answered; ``None`` when it is the library that speaks."""
    said = _details(error)
    code = said.get("result")
    if code is None or code < 0:
        return None
    words = str(said.get("info") or "").split()
    if int(code) != Code.REFERRAL.value:
        return Result(int(code), " ".join(words))
    # the library tells of addresses in its text only
    return Result(int(code), referrals=tuple(word for word in words if word.startswith("ldap")))


def _said(error: Exception) -> str:
    """Return what the library says; its ``info`` may be left over from an earlier answer."""
    return str(_details(error).get("desc") or error) or type(error).__name__


def _details(error: Exception) -> Mapping[str, Any]:
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def _close(connection: Any) -> None:  # noqa: ANN401 - the library has no types
    with suppress(ldap.LDAPError):
        connection.unbind_ext_s()
