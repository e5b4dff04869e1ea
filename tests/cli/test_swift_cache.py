"""What the storage's proxy remembers."""

from cli.localstack import swift_cache
from cli.localstack.swift_cache import Cache


def test_a_value_is_kept_as_it_was_until_its_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(swift_cache, "_now", lambda: now[0])
    cache, value = Cache(), {"status": 200}
    cache.set("container/a", value, time=60)
    value["status"] = 404
    assert cache.get("container/a", raise_on_error=True) == {"status": 200}
    now[0] += 60
    assert cache.get("container/a") is None


def test_a_forgotten_value_is_gone():
    cache = Cache()
    cache.set("container/a", {"status": 200}, time=60)
    cache.delete("container/a")
    cache.delete("container/b")
    assert cache.get("container/a") is None


def test_every_request_finds_the_same_cache():
    seen = []
    app = swift_cache.filter_factory({})(lambda env, _: seen.append(env["swift.cache"]))
    app({}, None)
    app({}, None)
    assert seen[0] is seen[1]
    assert isinstance(seen[0], Cache)
