"""The Ray engine without Ray: shares of work, room on nodes, what a worker says, who is lost."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from made_up import write_card

import routelmt_cli
from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.run.engines import ray_translator
from routelmt_cli.run.engines.ray_cluster import needed_resources, room_for
from routelmt_cli.run.engines.ray_translator import RayTranslator
from routelmt_cli.run.engines.ray_worker import Order, Worker
from routelmt_cli.run.engines.work import MOST_LOSSES, Work
from routelmt_cli.translators.card import load_card
from routelmt_cli.translators.models import find_model
from routelmt_cli.translators.protocol import Request
from routelmt_cli.translators.ray_card import RayCard

OPTIONS = {
    "with_logprobs": True,
    "with_states": False,
    "deterministic": False,
    "demand": None,
    "threads": 1,
}


@pytest.fixture
def model(tmp_path):
    return find_model(load_card(write_card(tmp_path / "card.toml", "small")), "en", "de")


def requests(count):
    return [Request(item, f"word {item}") for item in range(count)]


def items(portion):
    return [request.item for request in portion]


# -- work -------------------------------------------------------------------------------------


def test_requests_are_taken_only_where_there_is_room():
    taken = []
    work = Work((taken.append(one) or one for one in requests(9)), None)
    assert items(work.take(2)) == [0, 1]
    assert (len(taken), work.is_given_out) == (2, False)
    assert work.take(0) == []
    assert items(work.take(100)) == list(range(2, 9))
    assert work.is_given_out


def test_what_comes_back_goes_out_before_anything_new():
    work = Work(requests(9), None)
    first = work.take(3)
    work.give_back(first[1:], "it was unplugged")
    assert items(work.take(4)) == [1, 2, 3, 4]


def test_groups_stay_whole():
    work = Work(requests(7), 3)
    assert work.take(2) == []
    first, _ = work.take(6), work.take(3)
    work.give_back(first, "it was unplugged")
    assert [items(work.take(3)) for _ in range(3)] == [[0, 1, 2], [6], []]
    assert work.is_given_out


def test_what_is_lost_with_worker_after_worker_ends_the_run():
    work = Work(requests(3), None)
    for _ in range(MOST_LOSSES - 1):
        work.give_back(work.take(3), "it was unplugged")
    with pytest.raises(MidRunError, match=f"{MOST_LOSSES} workers were lost .* unplugged"):
        work.give_back(work.take(3), "it was unplugged")


# -- room -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "nodes", "room"),
    [
        (RayCard(), [{"CPU": 2.0}], 2),
        (RayCard(num_cpus=49), [{"CPU": 49.0}], 1),
        (RayCard(num_cpus=4), [{"CPU": 7.0}, {"CPU": 9.0}, {"CPU": 3.0}], 3),
        (RayCard(num_gpus=1.0), [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], 2),
        (RayCard(num_gpus=0.4), [{"CPU": 8.0, "GPU": 2.0}], 4),
        (RayCard(num_gpus=0.1), [{"CPU": 80.0, "GPU": 1.0}], 10),
    ],
)
def test_room_is_counted_node_by_node(model, needs, nodes, room):
    model = dataclasses.replace(model, card=dataclasses.replace(model.card, ray=needs))
    listed = [{"Alive": True, "Resources": one} for one in nodes]
    listed.append({"Alive": False, "Resources": {"CPU": 100.0, "GPU": 100.0}})
    assert room_for(model, listed) == room


def test_large_weights_leave_room_for_fewer_workers(model, tmp_path):
    weights = tmp_path / "w.gguf"
    weights.write_bytes(bytes(1000))
    card = dataclasses.replace(model.card, ray=RayCard(num_cpus=1, num_gpus=0.0))
    model = dataclasses.replace(model, card=card, weights=SimpleNamespace(path=weights))
    for memory, room in ((2600.0, 2), (100.0, 1), (1e9, 8)):
        node = {"Alive": True, "Resources": {"CPU": 8.0, "memory": memory}}
        assert room_for(model, [node]) == room


def test_a_stand_in_asks_for_no_gpu(model):
    assert needed_resources(model) == {"CPU": 1.0}


# -- worker -----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTELMT_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache")
def test_a_worker_forgets_what_another_turn_left(model):
    worker = Worker()
    assert worker.load(Order(model, OPTIONS)).group_size == 4
    answered = {one.item for commit in worker.step(1, requests(3)).commits for one in commit}
    assert answered == {0, 1, 2}
    worker._portions.append(requests(9))
    assert worker.step(2, []).commits == []


@pytest.mark.usefixtures("cache")
def test_a_worker_tells_what_it_did_before_it_broke(tmp_path):
    card = load_card(write_card(tmp_path / "card.toml", "small", die_on="7"))
    worker = Worker()
    worker.load(Order(find_model(card, "en", "de"), {**OPTIONS, "deterministic": True}))
    assert len(worker.step(0, requests(4)).commits) == 1
    step = worker.step(0, requests(8)[4:])
    assert (step.commits, step.error.message[:18]) == ([], "the stand-in model")


@pytest.mark.usefixtures("cache")
def test_a_worker_says_that_its_model_is_another(model):
    answer = Worker().load(Order(dataclasses.replace(model, fingerprint="0" * 64), OPTIONS))
    assert isinstance(answer, UsageError)
    assert "others than where the run began" in answer.message


# -- the driver, with workers of a made-up Ray ------------------------------------------------


@dataclasses.dataclass(eq=False)
class Reference:
    """What a call gives back at once."""

    name: str
    method: Any
    arguments: tuple[Any, ...]


class FakeRay:
    """Calls workers when their answers are asked for; ``spoil`` may change or raise."""

    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        pass

    def __init__(self, spoil):
        self.exceptions = self
        self.killed, self._spoil = 0, spoil

    def remote(self, kind):
        def bind(worker, name):
            return SimpleNamespace(remote=lambda *a: Reference(name, getattr(worker, name), a))

        def make():
            worker = kind()
            names = ("greet", "load", "step")
            return SimpleNamespace(**{name: bind(worker, name) for name in names})

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=make))

    def wait(self, refs, **_):
        return refs[:1], refs[1:]

    def get(self, ref):
        return self._spoil(self, ref.name, ref.method(*ref.arguments))

    def kill(self, _):
        self.killed += 1


def translator(model, spoil, replicas=1):
    return RayTranslator(FakeRay(spoil), Order(model, OPTIONS), {"CPU": 1.0}, replicas)


@pytest.mark.usefixtures("cache")
def test_another_version_on_a_node_is_refused_by_its_name(model):
    def other(_, name, answer):
        return ("0.0.9", "node-7") if name == "greet" else answer

    expected = f"node 'node-7' has routelmt 0.0.9, this is {routelmt_cli.__version__}"
    with pytest.raises(UsageError, match=expected), translator(model, other):
        pass


@pytest.mark.usefixtures("cache")
def test_what_a_node_cannot_load_is_told_with_its_name(model):
    def missing(_, name, answer):
        return UsageError("/w.gguf: there is no such file") if name == "load" else answer

    with (
        pytest.raises(UsageError, match=r"node '.+': /w.gguf: there is no such file"),
        translator(model, missing),
    ):
        pass


@pytest.mark.usefixtures("cache")
def test_a_node_without_routelmt_is_named_as_such(model):
    def absent(ray, name, answer):
        raise ray.RayError("...\nModuleNotFoundError: No module named 'routelmt_cli'\n...")

    with (
        pytest.raises(UsageError, match="has no Python module 'routelmt_cli'"),
        translator(model, absent),
    ):
        pass


@pytest.mark.usefixtures("cache")
def test_workers_that_never_load_the_model_end_it(model):
    def lost(ray, name, answer):
        if name == "load":
            raise ray.RayError("Worker exit detail: out of memory. More words.")
        return answer

    with (
        pytest.raises(MidRunError, match=r"3 workers .* lost before .* loaded it.*out of mem"),
        translator(model, lost, replicas=2),
    ):
        pass


@pytest.mark.usefixtures("cache")
def test_every_request_is_answered_once_though_workers_are_lost(model):
    steps = iter(range(1000))

    def sometimes_lost(ray, name, answer):
        if name == "step" and next(steps) % 5 == 2:
            raise ray.RayError("gone")
        return answer

    with translator(model, sometimes_lost, replicas=3) as opened:
        found = [one.item for commit in opened.translate(requests(100)) for one in commit]
        assert sorted(found) == list(range(100))
        lost = opened._ray.killed
    assert lost >= 3


@pytest.mark.usefixtures("cache")
def test_what_a_worker_raises_ends_the_run_in_one_line(model):
    def raises(ray, name, answer):
        if name == "step":
            raise ray.RayTaskError("Traceback\n  ...\nValueError: a bug")
        return answer

    with translator(model, raises) as opened, pytest.raises(MidRunError, match="ValueError: a bug"):
        list(opened.translate(requests(3)))


@pytest.mark.usefixtures("cache")
def test_a_cluster_that_starts_nobody_is_not_waited_for_for_ever(model, monkeypatch):
    monkeypatch.setattr(FakeRay, "wait", lambda self, refs, **_: ([], refs))
    monkeypatch.setattr(ray_translator, "_PATIENCE_SECONDS", 0.01)
    with (
        pytest.raises(MidRunError, match="started no worker of 'stand-in-small'"),
        translator(model, None),
    ):
        pass
