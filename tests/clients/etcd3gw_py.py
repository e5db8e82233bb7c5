"""What etcd3gw's users do over the JSON gateway of the server at HOST PORT. Prints the name of each part that held."""

import sys
import threading

import etcd3gw

HOST, PORT = sys.argv[1], int(sys.argv[2])


def connect():
    return etcd3gw.client(host=HOST, port=PORT, timeout=20)


def part(function):
    client = connect()
    for _, about in client.get_all():
        client.delete(about["key"])
    function(client)
    print(function.__name__)


def keys(c):
    assert c.get("missing") == []
    assert c.put("key", "one") is True
    assert c.get("key") == [b"one"]
    (value, about), = c.get("key", metadata=True)
    assert value == b"one" and about["version"] == "1" and about["key"] == b"key"
    assert c.create("key", "two") is False and c.create("new", "1") is True
    assert c.replace("key", "one", "two") is True and c.replace("key", "one", "three") is False
    assert c.delete("key") is True and c.delete("key") is False


def ranges(c):
    for number in range(5):
        c.put(f"range/{number}", str(4 - number))
    assert [value for value, _ in c.get_prefix("range/")] == [b"4", b"3", b"2", b"1", b"0"]
    ordered = c.get_prefix("range/", sort_order="descend", sort_target="key")
    assert ordered[0][1]["key"] == b"range/4"
    assert len(c.get_all()) == 5 and c.delete_prefix("range/") is True


def transactions(c):
    c.put("a", "1")
    encode = etcd3gw.utils._encode
    answer = c.transaction({
        "compare": [{"key": encode("a"), "result": "EQUAL", "target": "VALUE", "value": encode("1")}],
        "success": [{"request_put": {"key": encode("a"), "value": encode("2")}},
                    {"request_range": {"key": encode("a")}}],
        "failure": [],
    })
    assert answer["succeeded"] is True and len(answer["responses"]) == 2
    assert answer["responses"][1]["response_range"]["count"] == "1"


def leases(c):
    lease = c.lease(ttl=1000)
    c.put("leased", "x", lease=lease)
    assert 0 < lease.ttl() <= 1000 and lease.keys() == [b"leased"]
    assert lease.refresh() == 1000
    assert lease.revoke() is True and c.get("leased") == []


def locks(c):
    held = c.lock(id="turn", ttl=60)
    assert held.acquire() is True and held.is_acquired()
    assert connect().lock(id="turn", ttl=60).acquire() is False
    assert held.release() is True and not held.is_acquired()


def watches(c):
    events, cancel = c.watch_prefix("watched/")
    writer = threading.Thread(target=lambda: [connect().put("watched/a", str(n)) for n in range(3)])
    writer.start()
    values = [next(events)["kv"]["value"] for _ in range(3)]
    writer.join()
    cancel()
    assert values == [b"0", b"1", b"2"], values


def maintenance(c):
    assert "version" in c.status() and len(c.members()) == 1


for each in [keys, ranges, transactions, leases, locks, watches, maintenance]:
    part(each)
