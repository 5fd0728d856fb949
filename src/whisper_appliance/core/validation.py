"""What is wrong with an input, in pydantic's English words, which are message ids of the translations."""

from typing import Any

from pydantic_core import ErrorDetails

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.core.i18n import N_

PROBLEMS = {
    "missing": N_("Field required"),
    "string_type": N_("Input should be a valid string"),
    "string_too_short": N_("The text is too short; the least is {min_length}"),
    "string_too_long": N_("The text is too long; the most is {max_length}"),
    "string_pattern_mismatch": N_("String should match pattern '{pattern}'"),
    "literal_error": N_("Input should be one of: {expected}"),
    "int_type": N_("Input should be a valid integer"),
    "int_parsing": N_("Input should be a valid integer"),
    "int_from_float": N_("Input should be a valid integer"),
    "float_type": N_("Input should be a valid number"),
    "float_parsing": N_("Input should be a valid number"),
    "finite_number": N_("Input should be a finite number"),
    "bool_type": N_("Input should be true or false"),
    "bool_parsing": N_("Input should be true or false"),
    "greater_than": N_("Input should be greater than {gt}"),
    "greater_than_equal": N_("Input should be greater than or equal to {ge}"),
    "less_than": N_("Input should be less than {lt}"),
    "less_than_equal": N_("Input should be less than or equal to {le}"),
    "list_type": N_("Input should be a list"),
    "dict_type": N_("Input should be an object"),
    "model_type": N_("Input should be an object"),
    "model_attributes_type": N_("Input should be an object"),
    "too_long": N_("There are too many entries; the most is {max_length}"),
    "too_short": N_("There are too few entries; the least is {min_length}"),
    "datetime_parsing": N_("Input should be a valid date and time"),
    "datetime_from_date_parsing": N_("Input should be a valid date and time"),
    "json_invalid": N_("The JSON is not valid"),
}
"""By the type of pydantic's error; a type that is not here keeps pydantic's own words."""


def problem_of(details: ErrorDetails) -> InvalidRequest:
    """What is wrong, without a full stop: a param for the error that names the input."""
    known: dict[str, Any] = details.get("ctx", {})
    if "expected" in known:
        known = {"expected": known["expected"].replace(" or ", ", ")}
    template = PROBLEMS.get(details["type"])
    return InvalidRequest(template, **known) if template else InvalidRequest(details["msg"][:200])
