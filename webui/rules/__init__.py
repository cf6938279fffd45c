"""The pages of rules: all of them, one with what it did, and what its limit might be."""

from __future__ import annotations

from flask import Blueprint, Response, request

from hypersync.app import App
from hypersync.insight.hidden import hidden_of
from hypersync.insight.rules import advice, all_rules, one_rule
from webui.frame import part, show
from webui.rules.build import advice_page, rule_page, rules_page
from webui.rules.source import rule_texts
from webui.visitors import needs, zone_of


def blueprint(app: App) -> Blueprint:
    """Return the pages of rules."""
    pages = Blueprint("rules", __name__, url_prefix="/report/rules")
    texts = rule_texts(app.configuration, app.rulebook)

    @pages.get("")
    def rules() -> Response:
        needs(app, "viewer")
        found = all_rules(app.engine)
        view = rules_page(found, app.settings.directory, zone_of(app))
        return show(app, "web/rules.html", view)

    @pages.get("/<name>")
    def rule(name: str) -> Response:
        needs(app, "viewer")
        zone = zone_of(app)
        found = one_rule(app.engine, hidden_of(app.engine), name, zone)
        view = rule_page(
            found, texts.get(name, ""), app.configuration, app.settings.directory, zone
        )
        return show(app, "web/rule.html", view)

    @pages.get("/<name>/advice")
    def advised(name: str) -> Response:
        needs(app, "viewer")
        view = advice_page(name, advice(app.engine, name))
        if "HX-Request" in request.headers:
            return part(app, "web/_advice.html", view)
        return show(app, "web/advice.html", view)

    return pages
