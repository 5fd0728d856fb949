"""JSON schemas of OpenAI's responses, because its clients do not validate them."""

from typing import Any

import jsonschema_rs

from benchmarks.conformance.target import CheckFailed

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
NULL: Schema = {"type": "null"}


def _object(**properties: Schema) -> Schema:
    """Names with "_" at their end are optional: the client's types allow null for them as well."""
    required = [name for name in properties if not name.endswith("_")]
    optional = {
        name.removesuffix("_"): {"anyOf": [schema, NULL]}
        for name, schema in properties.items()
        if name not in required
    }
    return {
        "type": "object",
        "properties": {name: properties[name] for name in required} | optional,
        "required": required,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _const(value: str) -> Schema:
    return {"const": value}


DURATION = _object(type=_const("duration"), seconds=NUMBER)
TOKENS = _object(type=_const("tokens"), input_tokens=INTEGER, output_tokens=INTEGER, total_tokens=INTEGER)
USAGE: Schema = {"anyOf": [DURATION, TOKENS]}
LOGPROB = _object(token=TEXT, bytes=_list(INTEGER), logprob={"type": "number", "maximum": 0})
JSON = _object(text=TEXT, languages_=_list(_object(code=TEXT)), logprobs_=_list(LOGPROB), usage_=USAGE)
SEGMENT = _object(
    id=INTEGER,
    seek=INTEGER,
    start=NUMBER,
    end=NUMBER,
    text=TEXT,
    tokens=_list(INTEGER),
    temperature=NUMBER,
    avg_logprob=NUMBER,
    compression_ratio=NUMBER,
    no_speech_prob=NUMBER,
)
WORD = _object(word=TEXT, start=NUMBER, end=NUMBER)
VERBOSE = _object(
    language={"type": "string", "pattern": "^[a-z ]+$"},
    duration=NUMBER,
    text=TEXT,
    segments_=_list(SEGMENT),
    words_=_list(WORD),
    usage_=DURATION,
)
SPOKEN = _object(
    type=_const("transcript.text.segment"), id=TEXT, start=NUMBER, end=NUMBER, speaker=TEXT, text=TEXT
)
DIARIZED = _object(task=_const("transcribe"), duration=NUMBER, text=TEXT, segments=_list(SPOKEN))
MODEL = _object(id=TEXT, object=_const("model"), created=INTEGER, owned_by=TEXT)
MODELS = _object(object=_const("list"), data={"type": "array", "items": MODEL, "minItems": 1})
NULL_OR_TEXT: Schema = {"type": ["string", "null"]}
ERROR = _object(error=_object(message=TEXT, type=TEXT, param=NULL_OR_TEXT, code=NULL_OR_TEXT))
DELTA = _object(type=_const("transcript.text.delta"), delta=TEXT)
DONE = _object(type=_const("transcript.text.done"), text=TEXT, usage_=TOKENS)


def check_schema(value: object, schema: Schema, name: str) -> None:
    """Raises `CheckFailed` with the place that does not match."""
    try:
        jsonschema_rs.validate(schema, value)
    except jsonschema_rs.ValidationError as error:
        place = ".".join(map(str, error.instance_path))
        raise CheckFailed(f"{name}: {place or 'the body'}: {error.message[:160]}") from None
