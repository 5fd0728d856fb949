"""Internationalization (i18n): the locale of a request, and messages translated with the gettext catalogues.

English texts are the message ids, so English needs no catalogue. Placeholders are `{name}`, in Python, templates and
scripts alike.
"""

from pathlib import Path

from flask import Flask, g, has_request_context, request, url_for
from flask_babel import Babel, format_datetime, gettext, ngettext
from markupsafe import Markup, escape

from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.web.auth.authentication import current_actor_or_anonymous

LOCALES = Path(__file__).parent.parent / "locales"
LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages of the pages, by code, each in its own name."""


def current_locale() -> str:
    """The language of this request: of the account, else the best that the browser accepts, else English."""
    if not has_request_context():
        return "en"
    if "locale" not in g:
        user = current_actor_or_anonymous().user
        chosen = user.language if user else None
        g.locale = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")
    locale: str = g.locale
    return locale


def translate(text: str, **params: object) -> str:
    """The text in the language of this request, with `{name}` placeholders filled in."""
    translated = gettext(text) if current_locale() != "en" else text
    return translated.format(**params) if params else translated


def translate_plural(one: str, many: str, count: int, **params: object) -> str:
    """The form for `count` in the language of this request; `{count}` is filled in."""
    if current_locale() == "en":
        translated = one if count == 1 else many
    else:
        translated = ngettext(one, many, count)
    return translated.format(count=count, **params)


def translate_error(error: ApplianceError) -> str:
    """The message of an error in the language of this request."""
    if current_locale() == "en":
        return error.message
    return error.format(gettext)


def _translate_markup(text: str, **params: object) -> str:
    """`_()` of the templates: params are escaped unless they are Markup."""
    translated = gettext(text) if current_locale() != "en" else text
    return Markup(escape(translated)).format(**params) if params else translated


def _catalogue_url() -> str:
    """The URL of the scripts' catalogue; empty for English."""
    locale = current_locale()
    return "" if locale == "en" else url_for("static", filename=f"locales/{locale}.json")


def install(app: Flask) -> None:
    """Installs Flask-Babel and the template functions `_`, `_n`, `current_locale` and `catalogue_url`."""
    Babel(app, locale_selector=current_locale, default_translation_directories=str(LOCALES))
    app.jinja_env.globals.update(
        _=_translate_markup,
        _n=translate_plural,
        current_locale=current_locale,
        catalogue_url=_catalogue_url,
        format_datetime=format_datetime,
        page_languages=LANGUAGES,
    )
