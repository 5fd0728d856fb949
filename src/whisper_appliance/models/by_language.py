"""Models by language: the setting MODEL_BY_LANGUAGE, for recordings whose request names no model."""

from collections.abc import Mapping, Sequence

from whisper_appliance.core.errors import BadSetting, InvalidRequest
from whisper_appliance.transcript.languages import language_code


def models_by_language(pairs: Sequence[str]) -> Mapping[str, str]:
    """The setting (`de:small`, `English:base.en`) as models by code. Raises `BadSetting` for no language."""
    models = {}
    for pair in pairs:
        language, _, model = (part.strip() for part in pair.partition(":"))
        try:
            code = language_code(language)
        except InvalidRequest as error:
            raise BadSetting(error.message) from None
        if code is None:
            raise BadSetting("MODEL_BY_LANGUAGE needs a language, not 'auto'.")
        models[code] = model
    return models
