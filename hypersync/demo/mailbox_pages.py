"""The pages of the mailbox: what a mail program shows, beside the pages of HyperSync.

A mail's HTML is shown in a frame that can run nothing and load nothing; its links open the real
pages. These pages stand for the reader's own mail program: HyperSync's pages never show a mail.
"""

from __future__ import annotations

from flask import Flask, Response, abort, make_response, render_template

from hypersync.demo.mailbox import Mail, Mailbox

PATH = "/mailbox"
"""Where the pages are mounted."""

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_NEW_TAB = '<base target="_blank">'


def mailbox_pages(mailbox: Mailbox, *, folder: str) -> Flask:
    """Make the pages, to be mounted at ``PATH``; ``folder`` is where the demo's project lies."""
    pages = Flask(
        __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
    )
    pages.jinja_env.filters["clock"] = _clock

    @pages.get("/")
    def mails() -> str:
        return render_template("mails.html", mails=mailbox.mails[::-1], folder=folder)

    @pages.get("/<int:number>")
    def mail(number: int) -> str:
        return render_template("mail.html", mail=_mail(mailbox, number))

    @pages.get("/<int:number>/html")
    def frame(number: int) -> Response:
        shown = make_response(_in_new_tabs(_mail(mailbox, number).html))
        shown.headers["Content-Security-Policy"] = _FRAME_POLICY
        return shown

    @pages.get("/<int:number>/text")
    def text(number: int) -> Response:
        shown = make_response(_mail(mailbox, number).text)
        shown.mimetype = "text/plain"
        return shown

    pages.after_request(_guarded)
    return pages


def _mail(mailbox: Mailbox, number: int) -> Mail:
    mails = mailbox.mails
    if not 0 < number <= len(mails):
        abort(404)
    return mails[number - 1]


def _in_new_tabs(html: str) -> str:
    """Let the links of a mail open beside it, as in a mail program."""
    head, found, rest = html.partition("<head>")
    return head + found + _NEW_TAB + rest if found else _NEW_TAB + html


def _clock(mail: Mail) -> str:
    return "" if mail.date is None else f"{mail.date.astimezone():%H:%M:%S}"


def _guarded(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
