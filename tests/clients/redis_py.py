"""What redis-py's users do, against the server at HOST PORT. Prints the name of each part that held."""

import sys
import threading
import time

import redis

HOST, PORT = sys.argv[1], int(sys.argv[2])


def connect(**options):
    return redis.Redis(host=HOST, port=PORT, decode_responses=True, socket_timeout=20, **options)


def part(function):
    connect().flushall()
    function(connect())
    print(function.__name__)


def basic_types(r):
    assert r.ping() is True
    assert r.set("name", "ann", ex=1000, nx=True) is True
    assert r.set("name", "bob", nx=True) is None
    assert r.set("name", "bob", get=True) == "ann"
    assert r.get("missing") is None
    assert r.incrby("count", 5) == 5 and r.incrbyfloat("real", 1.5) == 1.5
    assert r.mset({"a": 1, "b": 2}) is True and r.mget("a", "b", "c") == ["1", "2", None]
    assert r.hset("hash", mapping={"f": 1, "g": "two"}) == 2
    assert r.hgetall("hash") == {"f": "1", "g": "two"} and r.hmget("hash", "f", "x") == ["1", None]
    assert r.rpush("list", "a", "b", "c") == 3 and r.lrange("list", 0, -1) == ["a", "b", "c"]
    assert r.lmove("list", "other", "LEFT", "RIGHT") == "a" and r.lpos("list", "c") == 1
    assert r.sadd("set", "x", "y") == 2 and r.smembers("set") == {"x", "y"}
    assert r.smismember("set", ["x", "z"]) == [1, 0]
    assert r.zadd("zset", {"one": 1, "two": 2.5}) == 2
    assert r.zrange("zset", 0, -1, withscores=True) == [("one", 1.0), ("two", 2.5)]
    assert r.zscore("zset", "two") == 2.5 and r.zpopmin("zset") == [("one", 1.0)]
    assert r.setbit("bits", 7, 1) == 0 and r.bitcount("bits") == 1
    assert r.expire("name", 500) is True and 490 <= r.ttl("name") <= 500
    assert r.type("zset") == "zset" and r.exists("name", "missing") == 1
    assert r.rename("name", "renamed") is True and r.delete("renamed", "missing") == 1
    try:
        r.lpush("set", "wrong")
    except redis.ResponseError as error:
        assert "WRONGTYPE" in str(error) or "wrong kind of value" in str(error), error
    else:
        raise AssertionError("a list's command on a set succeeded")


def bytes_as_they_are(_):
    raw = redis.Redis(host=HOST, port=PORT)
    value = bytes(range(256)) * 500
    assert raw.set(b"\x00\xff\r\n", value) and raw.get(b"\x00\xff\r\n") == value


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for number in range(5000):
            pipe.set(f"key:{number}", number)
        assert pipe.execute() == [True] * 5000
    with r.pipeline(transaction=False) as pipe:
        pipe.get("key:7").lpush("key:7", "x").get("key:8")
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] == "7" and isinstance(replies[1], redis.ResponseError) and replies[2] == "8"


def transactions(r):
    with r.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
    with r.pipeline() as pipe:
        pipe.watch("a")
        r.set("a", 10)
        pipe.multi()
        pipe.set("a", 11)
        try:
            pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("a watched key changed, and the transaction ran")

    def double(pipe):
        value = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", value * 2)

    assert r.transaction(double, "a") == [True] and r.get("a") == "20"


def concurrent_counting(r):
    def count():
        own = connect()
        for _ in range(100):
            def add(pipe):
                value = int(pipe.get("n") or 0)
                pipe.multi()
                pipe.set("n", value + 1)
            own.transaction(add, "n")

    threads = [threading.Thread(target=count) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert r.get("n") == "400", r.get("n")


def publish_and_subscribe(r):
    pubsub = r.pubsub()
    pubsub.subscribe("news")
    pubsub.psubscribe("n*")
    assert pubsub.get_message(timeout=10)["type"] == "subscribe"
    assert pubsub.get_message(timeout=10)["type"] == "psubscribe"
    assert r.publish("news", "hello") == 2
    got = [pubsub.get_message(timeout=10) for _ in range(2)]
    assert {(m["type"], m["channel"], m["data"]) for m in got} == {
        ("message", "news", "hello"),
        ("pmessage", "news", "hello"),
    }, got
    assert r.pubsub_channels() == ["news"] and r.pubsub_numsub("news") == [("news", 1)]
    assert r.pubsub_numpat() == 1
    pubsub.unsubscribe()
    assert pubsub.get_message(timeout=10)["type"] == "unsubscribe"
    pubsub.close()


def blocking(r):
    def push():
        time.sleep(0.1)
        other = connect()
        other.rpush("queue", "job")
        other.zadd("scores", {"m": 1})

    thread = threading.Thread(target=push)
    thread.start()
    assert r.blpop(["nothing", "queue"], timeout=10) == ("queue", "job")
    assert r.bzpopmin("scores", timeout=10) == ("scores", "m", 1.0)
    thread.join()
    began = time.monotonic()
    assert r.blpop("queue", timeout=0.2) is None and time.monotonic() - began >= 0.15


def streams(r):
    first = r.xadd("log", {"level": "info"}, id="1-1")
    assert first == "1-1" and r.xadd("log", {"level": "warn"}, id="2-1") == "2-1"
    assert r.xlen("log") == 2 and r.xrange("log", "-", "+", count=1) == [("1-1", {"level": "info"})]
    assert r.xread({"log": "1-1"}) == [["log", [("2-1", {"level": "warn"})]]]
    assert r.xgroup_create("log", "readers", id="0") is True
    got = r.xreadgroup("readers", "ann", {"log": ">"}, count=1)
    assert got == [["log", [("1-1", {"level": "info"})]]]
    assert r.xpending("log", "readers")["pending"] == 1
    assert r.xack("log", "readers", "1-1") == 1
    assert r.xinfo_groups("log")[0]["name"] == "readers"
    assert r.xtrim("log", maxlen=1, approximate=False) == 1


def scans(r):
    r.mset({f"user:{number}": number for number in range(1000)})
    r.hset("h", mapping={f"f{number}": number for number in range(500)})
    r.sadd("s", *range(500))
    assert len(set(r.scan_iter("user:*", count=50))) == 1000
    assert len(dict(r.hscan_iter("h", count=20))) == 500
    assert len(set(r.sscan_iter("s"))) == 500


def other_types(r):
    assert r.pfadd("hll", "a", "b", "c") == 1 and r.pfcount("hll") == 3
    assert r.geoadd("sicily", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")) == 2
    assert 166 < r.geodist("sicily", "Palermo", "Catania", unit="km") < 167
    assert r.rpush("numbers", 3, 1, 2) == 3 and r.sort("numbers", desc=True) == ["3", "2", "1"]


def a_lock_without_scripts(r):
    """As docs/redis.md says: redis-py's own Lock needs scripts to be released."""

    def release(token):
        with r.pipeline() as transaction:
            transaction.watch("lock")
            if transaction.get("lock") != token:
                return False
            transaction.multi()
            transaction.delete("lock")
            try:
                return transaction.execute() == [1]
            except redis.WatchError:
                return False

    assert r.set("lock", "mine", nx=True, px=60000) is True
    assert r.set("lock", "other", nx=True, px=60000) is None
    assert release("other") is False and r.get("lock") == "mine"
    assert release("mine") is True and r.get("lock") is None


def about_the_server(r):
    info = r.info()
    assert info["redis_version"] and info["connected_clients"] >= 1
    assert r.dbsize() == 0 and r.config_get("maxmemory")["maxmemory"] == "0"
    assert r.client_setname("tester") is True and r.client_getname() == "tester"
    assert any(client["name"] == "tester" for client in r.client_list())
    assert r.echo("hi") == "hi" and len(r.time()) == 2
    assert "get" in r.command() and r.command_count() > 100


for scenario in [
    basic_types,
    bytes_as_they_are,
    pipelines,
    transactions,
    concurrent_counting,
    publish_and_subscribe,
    blocking,
    streams,
    scans,
    other_types,
    a_lock_without_scripts,
    about_the_server,
]:
    part(scenario)
