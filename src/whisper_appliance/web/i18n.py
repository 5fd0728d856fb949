"""Internationalization (i18n): the locale of a request, and translations by gettext.

English texts are the message ids, so English needs no catalogue. Placeholders are `{name}`, in Python,
templates and scripts alike.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel import Locale
from babel.dates import format_date
from flask import Flask, Response, g, has_request_context, request, url_for
from flask_babel import Babel, gettext, ngettext
from markupsafe import Markup, escape

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.stored_texts import LOCALES, translate_stored
from whisper_appliance.transcript.languages import LANGUAGES as LANGUAGE_NAMES

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""The languages of the pages, by code, each in its own name."""

TEXT_FIELDS = frozenset(
    {"description", "reason", "message", "help", "section", "advice", "default_fixed"}
    | {
        "plain_name",
        "plain_help",
        "search_words",
    }
)
"""Fields of JSON responses that hold texts of the appliance, never of users."""
Json = Any


def current_locale() -> str:
    """The language of this request: of the account, else the best that the browser accepts, else English.

    The account counts once the request is authenticated; an error before that follows the browser.
    """
    if not has_request_context():
        return "en"
    actor: Actor | None = g.get("actor")
    chosen = actor.user.language if actor and actor.user else g.get("chosen_locale")
    g.locale = chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")
    return str(g.locale)


def translate(text: str, **params: object) -> str:
    """The text in the language of this request, with `{name}` placeholders filled in."""
    translated = _translated(text)
    return translated.format(**params) if params else translated


def language_names() -> Mapping[str, str]:
    """The languages that Whisper transcribes, by code, named in the language of this request, in order."""
    if current_locale() == "en":
        return LANGUAGE_NAMES
    names = Locale.parse(current_locale()).languages
    translated = {code: str(names.get(code, name)) for code, name in LANGUAGE_NAMES.items()}
    return dict(sorted(translated.items(), key=lambda item: item[1].casefold()))


def translate_plural(one: str, many: str, count: int, **params: object) -> str:
    """The form for `count` in the language of this request; `{count}` is filled in."""
    english = one if count == 1 else many
    translated = english if current_locale() == "en" else ngettext(one, many, count)
    return translated.format(count=count, **params)


def long_date(day: date) -> str:
    """The day in the language of this request, such as "3 March 2026", as the scripts write it."""
    locale = current_locale()
    return format_date(day, "long", locale="en_GB" if locale == "en" else locale)


def localized(value: Json) -> Json:
    """The JSON of a response with the texts that people read translated, as far as the catalogue has them."""
    return value if current_locale() == "en" else _localized(value)


def _localized(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            key: translate_stored(item, current_locale())
            if key in TEXT_FIELDS and isinstance(item, str)
            else _localized(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_localized(item) for item in value]
    return value


def translate_error(error: ApplianceError) -> str:
    """The message of an error in the language of this request."""
    locale = current_locale()
    return error.message if locale == "en" else error.format(lambda text: translate_stored(text, locale))


def _translated(text: str) -> str:
    return text if current_locale() == "en" else gettext(text)


def _translate_markup(text: str, **params: object) -> str:
    """`_()` of the templates: params are escaped unless they are Markup."""
    return escape(_translated(text)).format(**params) if params else _translated(text)


def _translate_html(text: str, **params: object) -> Markup:
    """`_h()` of the templates: the text holds HTML of our own, params are escaped unless they are Markup."""
    translated = Markup(_translated(text))  # noqa: S704 - every text comes from the templates or the catalogue
    return translated.format(**params) if params else translated


def _catalogue_url() -> str:
    """The URL of the scripts' catalogue; empty for English."""
    locale = current_locale()
    return "" if locale == "en" else url_for("static", filename=f"locales/{locale}.js")


def add_language(response: Response) -> Response:
    """A hook: names the language of a translated response, for caches and screen readers."""
    if "locale" in g:
        response.content_language.add(g.locale)
        response.vary.add("Accept-Language")
    return response


def install(app: Flask) -> None:
    """Installs Flask-Babel, and for templates `_`, `_h`, `_n`, `_date`, `current_locale`, `catalogue_url`."""
    Babel(app, locale_selector=current_locale, default_translation_directories=str(LOCALES))
    app.jinja_env.globals.update(
        _=_translate_markup,
        _h=_translate_html,
        _n=translate_plural,
        _date=long_date,
        current_locale=current_locale,
        catalogue_url=_catalogue_url,
        page_languages=LANGUAGES,
    )
