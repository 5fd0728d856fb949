"""The manager: leases, switching, unloading, waiting for memory, downloads. Engines are fakes that count."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.engines import CountingEngine, CountingEngines
from tests.support.hub import HubStandIn, hub_stand_in
from tests.support.wait import wait_until
from whisper_appliance.config.settings import load
from whisper_appliance.core.errors import Conflict, ModelUnavailable, NotFound
from whisper_appliance.engines.contract import EngineSpec
from whisper_appliance.models import hardware
from whisper_appliance.models.catalog import resolve
from whisper_appliance.models.downloads import Downloads
from whisper_appliance.models.events import ModelEvent
from whisper_appliance.models.hub import Hub
from whisper_appliance.models.manager import MemoryPolicy, ModelManager
from whisper_appliance.models.status import ModelStatus
from whisper_appliance.models.store import ModelStore

MakeModel = Callable[[Path], Path]
PLENTY = 10**12


class Clock:
    """Time that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Make = Callable[..., ModelManager[CountingEngine]]


@pytest.fixture
def engines() -> CountingEngines:
    """What starts engines in these tests."""
    return CountingEngines()


@pytest.fixture
def clock() -> Clock:
    """The manager's clock."""
    return Clock()


@pytest.fixture
def make(
    tmp_path: Path,
    store: ModelStore,
    events: list[ModelEvent],
    engines: CountingEngines,
    clock: Clock,
    make_model: MakeModel,
) -> Iterator[Make]:
    """Makes a manager with the models `one`, `two` and `three` in the folder."""
    for name in ("one", "two", "three"):
        make_model(store.model_dir / name)
    made: list[ModelManager[CountingEngine]] = []

    def make(
        *, downloads: Downloads | None = None, free: int = PLENTY, wait_seconds: float = 5, **settings: object
    ) -> ModelManager[CountingEngine]:
        values = {
            "data_dir": tmp_path / "data",
            "model_dir": store.model_dir,
            "whisper_model": "one",
            **settings,
        }
        manager = ModelManager(
            load(**values),
            store,
            downloads or Downloads(store, hub=Hub("http://127.0.0.1:9", pause_seconds=0.001)),
            events.append,
            start_engine=engines,
            memory=MemoryPolicy(lambda: free, wait_seconds, clock),
        )
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.close()


def status_of(manager: ModelManager[CountingEngine], name: str) -> ModelStatus:
    return next(model for model in manager.get_status().models if model.name == name)


def test_the_default_model_is_loaded_at_the_first_request_and_kept(
    make: Make, engines: CountingEngines
) -> None:
    manager = make()
    assert manager.get_status().state == "idle"
    with manager.engine() as engine:
        assert engine.spec.model == "one"
        assert status_of(manager, "one").in_use == 1
    with manager.engine("one"):
        pass
    assert len(engines.made) == 1
    status = manager.get_status()
    assert (status.default, status.state, status.reason) == ("one", "ready", None)
    assert status_of(manager, "one").memory_bytes == 123_000_000


def test_the_engine_spec_follows_the_settings(make: Make, store: ModelStore) -> None:
    manager = make(worker_processes=3, compute_type="float32", device="cpu", engine_memory="1GiB")
    with manager.engine("two") as engine:
        assert engine.spec == EngineSpec(
            "auto",
            "two",
            store.model_dir / "two",
            device="cpu",
            compute_type="float32",
            workers=3,
            max_memory_bytes=2**30,
        )


def test_many_callers_at_once_load_the_model_once(make: Make, engines: CountingEngines) -> None:
    manager = make()
    engines.may_start.clear()

    def use(_: int) -> CountingEngine:
        with manager.engine() as engine:
            return engine

    with ThreadPoolExecutor(16) as threads:
        users = [threads.submit(use, number) for number in range(16)]
        wait_until(lambda: status_of(manager, "one").in_use == 16)
        assert manager.get_status().state == "loading"
        engines.may_start.set()
        assert {id(user.result()) for user in users} == {id(engines.made[0])}
    assert len(engines.made) == 1


def test_the_least_recently_used_model_is_unloaded_for_another(
    make: Make, engines: CountingEngines, clock: Clock
) -> None:
    manager = make(model_cache_size=2)
    for name in ("one", "two", "one", "three"):
        clock.now += 1
        with manager.engine(name):
            pass
    assert engines.open == ["one", "three"]


def test_a_model_is_unloaded_before_another_is_loaded(make: Make, engines: CountingEngines) -> None:
    manager = make(model_cache_size=1)
    with manager.engine("one"):
        pass
    open_at_start: list[list[str]] = []
    engines.may_start.clear()
    thread = threading.Thread(target=manager.load_model, args=("two",))
    thread.start()
    wait_until(lambda: engines.open == [])
    open_at_start.append(engines.open)
    engines.may_start.set()
    thread.join()
    assert open_at_start == [[]]
    assert engines.open == ["two"]


def test_a_leased_model_is_never_unloaded(make: Make, engines: CountingEngines) -> None:
    manager = make(model_cache_size=1)
    with manager.engine("one"):
        with manager.engine("two"):
            assert engines.open == ["one", "two"], "there is memory for one more for now"
        with pytest.raises(Conflict, match="in use"):
            manager.unload("one")
        assert engines.open == ["one"], "the surplus is freed when its work ends"


def test_without_memory_a_second_model_waits_until_the_first_is_released(
    make: Make, engines: CountingEngines, store: ModelStore
) -> None:
    store.locate("base")
    manager = make(model_cache_size=2, free=1, whisper_model="tiny.en")
    entered = threading.Event()

    def use_base() -> None:
        with manager.engine("base"):
            entered.set()

    with manager.engine("tiny.en"):
        thread = threading.Thread(target=use_base)
        thread.start()
        assert not entered.wait(0.3)
        assert engines.open == ["tiny.en"]
    assert entered.wait(60)
    thread.join()
    assert engines.open == ["base"]


def test_waiting_for_memory_has_an_end(make: Make, clock: Clock) -> None:
    manager = make(model_cache_size=1, free=1, wait_seconds=0.1)
    with manager.engine("one"), pytest.raises(ModelUnavailable, match="no memory for tiny.en while one"):  # noqa: SIM117, RUF043
        with manager.engine("tiny.en"):
            pass


def test_an_idle_model_is_unloaded_after_the_idle_timeout(
    make: Make, engines: CountingEngines, clock: Clock
) -> None:
    manager = make(model_idle_timeout=300)
    with manager.engine():
        clock.now += 1000
        manager.unload_idle()
        assert engines.open == ["one"], "it was in use all the time"
    clock.now += 299
    manager.unload_idle()
    assert engines.open == ["one"]
    clock.now += 1
    manager.unload_idle()
    assert engines.open == []
    assert manager.get_status().state == "idle"


def test_a_timer_unloads_idle_models(
    tmp_path: Path, store: ModelStore, engines: CountingEngines, make_model: MakeModel
) -> None:
    make_model(store.model_dir / "one")
    settings = load(data_dir=tmp_path, model_dir=store.model_dir, whisper_model="one", model_idle_timeout=0.2)
    manager = ModelManager(settings, store, Downloads(store), start_engine=engines)
    with manager.engine():
        pass
    wait_until(lambda: engines.open == [])
    manager.close()


def test_a_timeout_of_zero_keeps_the_model(make: Make, engines: CountingEngines, clock: Clock) -> None:
    manager = make(model_idle_timeout=0)
    with manager.engine():
        pass
    clock.now += 10**6
    manager.unload_idle()
    assert engines.open == ["one"]


def test_the_chosen_model_becomes_the_default_with_an_event(make: Make, events: list[ModelEvent]) -> None:
    manager = make()
    manager.load_model("two")
    assert "switched" in [event.kind for event in events]
    assert manager.default == "two"


def test_a_smaller_cache_unloads_the_least_recently_used_model_at_once(
    make: Make, engines: CountingEngines, clock: Clock
) -> None:
    manager = make(model_cache_size=2)
    for name in ("one", "two"):
        clock.now += 1
        with manager.engine(name):
            pass
    assert engines.open == ["one", "two"]
    manager.apply_settings(load(whisper_model="one", model_cache_size=1))
    wait_until(lambda: engines.open == ["two"])


def test_a_shorter_idle_timeout_applies_to_loaded_models(
    make: Make, engines: CountingEngines, clock: Clock
) -> None:
    manager = make(model_idle_timeout=0)
    with manager.engine():
        pass
    clock.now += 100
    manager.apply_settings(load(whisper_model="one", model_idle_timeout=60))
    wait_until(lambda: engines.open == [])


def test_a_model_that_cannot_be_loaded_does_not_become_the_default(make: Make, store: ModelStore) -> None:
    manager = make(model_downloads=False)
    store.downloads_allowed = False
    with pytest.raises(ModelUnavailable, match="downloads are switched off"):
        manager.load_model("medium")
    assert manager.default == "one"


def test_an_unknown_model_is_not_found(make: Make) -> None:
    with pytest.raises(NotFound):
        make().engine("no-such-model")


def test_an_unknown_default_is_reported_and_the_start_goes_on(make: Make) -> None:
    manager = make(whisper_model="no-such-model")
    manager.start()
    status = manager.get_status()
    assert (status.default, status.state) == ("no-such-model", "missing")
    assert status.reason


def test_a_failed_engine_is_reported_and_retried_later(
    make: Make, engines: CountingEngines, clock: Clock
) -> None:
    manager = make()
    with manager.engine():
        pass
    engines.made[0].become("failed", "out of memory")
    assert (manager.get_status().state, "out of memory" in (manager.get_status().reason or "")) == (
        "failed",
        True,
    )
    with pytest.raises(ModelUnavailable, match="out of memory") as refused, manager.engine():
        pass
    assert refused.value.retry_after_seconds
    clock.now += 31
    with manager.engine():
        pass
    assert (len(engines.made), engines.made[0].closed, manager.get_status().state) == (2, True, "ready")


def test_the_warm_up_loads_the_default_in_the_background(
    make: Make, engines: CountingEngines, events: list[ModelEvent]
) -> None:
    manager = make()
    manager.start()
    wait_until(lambda: manager.get_status().state == "ready")
    assert engines.open == ["one"]
    wait_until(lambda: [event.kind for event in events] == ["loading", "loaded"])


def test_a_model_copied_to_the_folder_is_used_without_a_restart(
    make: Make, store: ModelStore, make_model: MakeModel
) -> None:
    manager = make(whisper_model="four")
    with pytest.raises(NotFound), manager.engine():
        pass
    make_model(store.model_dir / "four")
    with manager.engine() as engine:
        assert engine.spec.model == "four"


@pytest.fixture
def hub(tiny_en: Path) -> Iterator[HubStandIn]:
    """A hub that has tiny.en."""
    model = resolve("tiny.en")
    with hub_stand_in(tiny_en, model.repository, model.revision) as stand_in:
        yield stand_in


def test_a_missing_model_is_downloaded_with_progress(
    make: Make,
    tmp_path: Path,
    hub: HubStandIn,
    events: list[ModelEvent],
    engines: CountingEngines,
    clock: Clock,
) -> None:
    store = ModelStore(tmp_path / "empty", hub_cache=tmp_path / "hub", packaged=lambda name: None)
    downloads = Downloads(store, events.append, hub=Hub(hub.address))
    settings = load(data_dir=tmp_path / "data2", model_dir=store.model_dir, whisper_model="tiny.en")
    manager = ModelManager(
        settings, store, downloads, events.append, start_engine=engines, memory=MemoryPolicy(clock=clock)
    )
    hub.let_go.clear()
    with pytest.raises(ModelUnavailable, match="is being downloaded"), manager.engine():
        pass
    assert hub.reached_half.wait(60)
    wait_until(lambda: (manager.get_status().progress or 0) > 0.4)
    assert manager.get_status().state == "downloading"
    with pytest.raises(ModelUnavailable, match=r"is being downloaded, \d+ %") as refused, manager.engine():
        pass
    assert refused.value.retry_after_seconds
    hub.let_go.set()
    wait_until(lambda: manager.get_status().state == "ready")
    assert engines.open == ["tiny.en"], "loaded when it arrived, without a request"
    manager.close()


def test_a_missing_model_becomes_the_default_when_it_is_downloaded(
    tmp_path: Path, hub: HubStandIn, engines: CountingEngines, make_model: MakeModel
) -> None:
    store = ModelStore(tmp_path / "empty", hub_cache=tmp_path / "hub", packaged=lambda name: None)
    make_model(store.model_dir / "one")
    settings = load(data_dir=tmp_path / "data2", model_dir=store.model_dir, whisper_model="one")
    manager = ModelManager(settings, store, Downloads(store, hub=Hub(hub.address)), start_engine=engines)
    with pytest.raises(ModelUnavailable, match="is being downloaded"):
        manager.load_model("tiny.en")
    assert manager.default == "one"
    wait_until(lambda: manager.default == "tiny.en")
    wait_until(lambda: engines.open == ["tiny.en"])
    manager.close()


def test_a_failed_download_is_not_restarted_by_every_request(make: Make, clock: Clock) -> None:
    manager = make(whisper_model="small")
    with pytest.raises(ModelUnavailable, match="is being downloaded"), manager.engine():
        pass
    wait_until(lambda: manager.get_status().state == "missing")
    with pytest.raises(ModelUnavailable, match="cannot be reached") as refused, manager.engine():
        pass
    assert refused.value.retry_after_seconds
    clock.now += 31
    with pytest.raises(ModelUnavailable, match="is being downloaded"), manager.engine():
        pass


def test_a_damaged_default_is_reported_and_other_models_work(
    make: Make, store: ModelStore, make_model: MakeModel
) -> None:
    make_model(store.model_dir / "small")
    store.downloads_allowed = False
    manager = make(whisper_model="small")
    with pytest.raises(ModelUnavailable, match="damaged"), manager.engine():
        pass
    status = manager.get_status()
    assert (status.state, "damaged" in (status.reason or "")) == ("missing", True)
    with manager.engine("one") as engine:
        assert engine.spec.model == "one"


def test_a_model_is_removed_unless_it_is_in_use(make: Make, store: ModelStore) -> None:
    manager = make()
    with manager.engine("two"), pytest.raises(Conflict):
        manager.remove("two")
    manager.remove("two")
    assert not (store.model_dir / "two").exists()
    assert "two" not in [model.name for model in manager.get_status().models]


def test_the_status_lists_the_catalog_and_the_users_own_models(make: Make) -> None:
    models = {model.name: model for model in make().get_status().models}
    assert {"tiny", "large-v3", "one", "two"} <= models.keys()
    assert (models["large-v3"].state, models["large-v3"].installed) == ("missing", False)
    assert (models["base"].state, models["base"].languages) == ("idle", "multilingual")
    assert models["one"].description == "A model of your own."


def test_the_status_does_not_wait(make: Make) -> None:
    manager = make()
    manager.get_status()
    began = time.perf_counter()
    for _ in range(10):
        manager.get_status()
    assert (time.perf_counter() - began) / 10 < 0.1


def test_closing_ends_every_engine_and_the_timer(make: Make, engines: CountingEngines) -> None:
    manager = make(model_cache_size=2)
    for name in ("one", "two"):
        with manager.engine(name):
            pass
    manager.close()
    assert engines.open == []
    with pytest.raises(ModelUnavailable, match="stopping"), manager.engine():
        pass


def test_a_gpu_is_ignored_if_an_engine_fell_back_to_the_cpu(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = hardware.Gpu("Card", 80 * 2**30, 80 * 2**30)
    monkeypatch.setattr(hardware, "detect_gpus", lambda: (card,))
    manager = make(model_warm_up=False)
    manager._warm_up()
    assert "Card" in manager.recommendation().text
    with manager.engine("one"):  # counting engines are on the processor
        assert "Card" not in manager.recommendation().text
    assert "Card" not in make(device="cpu").recommendation().text
