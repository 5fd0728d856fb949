"""A started appliance, and a browser and a program in front of it.

The queue takes a second to start and there can be one in a process, so a module's tests share an appliance,
unless they need settings of their own.
"""

import functools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI
from jinja2.bccache import Bucket, BytecodeCache

from tests.support.accounts import CHEAP_ARGON2
from tests.support.client import ApiClient, client_of, open_page, signed_in
from tests.support.databases import add_empty_queue
from tests.support.jobs import Script
from whisper_appliance.accounts.passwords import Passwords
from whisper_appliance.app.appliance import Appliance
from whisper_appliance.app.model_suggestions import ModelSuggestions
from whisper_appliance.config import settings
from whisper_appliance.config.settings import Settings
from whisper_appliance.jobs.transcription_job import JobSteps
from whisper_appliance.models.hub import Hub
from whisper_appliance.server.application import create_app
from whisper_appliance.web.lazy_openapi import LazyOpenAPI

StartAppliance = Callable[..., Appliance]


class CompiledTemplates(BytecodeCache):
    """Compiles each template once for all applications of a process: that takes longer than most tests."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


LazyOpenAPI.jinja_options = {**LazyOpenAPI.jinja_options, "bytecode_cache": CompiledTemplates()}


def measure_in_no_time(appliance: Appliance) -> None:
    """Makes a measurement of the models end with its first window: ten seconds are longer than most tests."""
    appliance.model_suggestions = ModelSuggestions(appliance.models, lambda: appliance.settings, seconds=0)


@pytest.fixture(scope="module")
def module_script() -> Script:
    return Script()


@pytest.fixture
def script(module_script: Script) -> Iterator[Script]:
    """How speech behaves: an upload is a text, one word a window."""
    yield module_script
    module_script.window_seconds = 0.0
    module_script.before_window = lambda word: None


@pytest.fixture(scope="module")
def start_appliance(
    tmp_path_factory: pytest.TempPathFactory, tiny_en: Path, module_script: Script, empty_sqlite: Path
) -> Iterator[StartAppliance]:
    """Starts an appliance with scripted speech; a setting of None is the default. Another one is closed."""
    models = tmp_path_factory.mktemp("models")
    (models / "tiny.en").symlink_to(tiny_en)
    with ExitStack() as running:

        def make_steps(settings: Settings, _models: object) -> JobSteps:
            return module_script.steps(settings.data_dir, settings.whisper_model)

        def start(
            *,
            data_dir: Path | None = None,
            stopping: threading.Event | None = None,
            hub: Hub | None = None,
            **given: object,
        ) -> Appliance:
            running.close()
            data_dir = data_dir or tmp_path_factory.mktemp("data")
            if not any(data_dir.iterdir()):
                shutil.copy(empty_sqlite, data_dir)
                add_empty_queue(data_dir)
            usual = {
                "data_dir": data_dir,
                "model_dir": models,
                "whisper_model": "tiny.en",
                "model_warm_up": False,
                "min_free_disk": 0,
                "backup_daily": False,
                "repeat_seconds": 0,  # the tests send the same words again and mean it
            }
            wanted = {**usual, **given}
            chosen = settings.load(**{name: value for name, value in wanted.items() if value is not None})
            appliance = running.enter_context(
                Appliance(
                    chosen,
                    stopping=stopping,
                    make_steps=make_steps,
                    passwords=Passwords(CHEAP_ARGON2),
                    hub=hub,
                )
            )
            measure_in_no_time(appliance)
            return appliance

        yield start


@pytest.fixture(scope="module")
def appliance(start_appliance: StartAppliance) -> Appliance:
    return start_appliance()


@pytest.fixture(scope="module")
def app_of() -> Callable[[Appliance], OpenAPI]:
    """The application of an appliance, made once, because that takes longer than most tests."""
    return functools.cache(create_app)


@pytest.fixture
def app(appliance: Appliance, app_of: Callable[[Appliance], OpenAPI]) -> OpenAPI:
    """The application of the module's appliance; nobody has sent a request in this minute."""
    app = app_of(appliance)
    for limiter in app.extensions["limiter"]:
        limiter.reset()
    return app


@pytest.fixture
def api_client(app: OpenAPI) -> ApiClient:
    """A client without a session."""
    return client_of(app)


@pytest.fixture
def browser(app: OpenAPI) -> ApiClient:
    """A client that opened a page."""
    return open_page(app)


@pytest.fixture
def member(app: OpenAPI) -> ApiClient:
    """A client of somebody with an account."""
    return signed_in(app)


@contextmanager
def client_with_model(folders: pytest.TempPathFactory, tiny_en: Path) -> Iterator[ApiClient]:
    """A client of an appliance whose default model is the real tiny.en."""
    models = folders.mktemp("models")
    (models / "tiny.en").symlink_to(tiny_en)
    chosen = settings.load(
        data_dir=folders.mktemp("data"),
        model_dir=models,
        whisper_model="tiny.en",
        min_free_disk=0,
        keep_audio="everyone",
    )
    with Appliance(chosen) as appliance:
        yield client_of(create_app(appliance))
