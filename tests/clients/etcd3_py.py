"""What the users of Python's etcd3 do, against the server at HOST PORT. Prints the name of each part that held."""

import sys
import tempfile
import threading

import etcd3
import etcd3.exceptions

HOST, PORT = sys.argv[1], int(sys.argv[2])


def connect():
    return etcd3.client(host=HOST, port=PORT, timeout=20)


def part(function):
    client = connect()
    for _, about in client.get_all():
        client.delete(about.key)
    function(client)
    print(function.__name__)


def keys(c):
    assert c.get("missing") == (None, None)
    c.put("key", "one")
    value, about = c.get("key")
    assert value == b"one" and about.key == b"key" and about.version == 1
    assert c.put("key", "two", prev_kv=True).prev_kv.value == b"one"
    assert c.get("key")[1].version == 2
    assert c.put_if_not_exists("key", "three") is False and c.put_if_not_exists("other", "1") is True
    assert c.replace("key", "two", "three") is True and c.replace("key", "two", "four") is False
    assert c.delete("key") is True and c.delete("key") is False


def ranges(c):
    for number in range(10):
        c.put(f"range/{number}", str(9 - number))
    assert [value for value, _ in c.get_prefix("range/")] == [str(9 - n).encode() for n in range(10)]
    by_value = [about.key for _, about in c.get_prefix("range/", sort_order="ascend", sort_target="value")]
    assert by_value[0] == b"range/9" and len(by_value) == 10
    assert [value for value, _ in c.get_range("range/3", "range/5")] == [b"6", b"5"]
    assert len(list(c.get_all(keys_only=True))) == 10
    assert c.delete_prefix("range/").deleted == 10


def transactions(c):
    c.put("a", "1")
    compare = [c.transactions.value("a") == "1", c.transactions.version("a") > 0]
    done, answers = c.transaction(
        compare=compare,
        success=[c.transactions.put("a", "2"), c.transactions.get("a"), c.transactions.delete("b")],
        failure=[c.transactions.put("a", "never")],
    )
    assert done is True and len(answers) == 3 and answers[1][0][0] == b"2"
    done, answers = c.transaction(
        compare=[c.transactions.create("a") == 0], success=[], failure=[c.transactions.get("a")]
    )
    assert done is False and answers[0][0][0] == b"2"


def leases(c):
    lease = c.lease(1000)
    c.put("leased", "x", lease=lease)
    info = c.get_lease_info(lease.id)
    assert info.grantedTTL == 1000 and list(info.keys) == [b"leased"] and 0 < info.TTL <= 1000
    assert lease.refresh()[0].TTL == 1000
    lease.revoke()
    assert c.get("leased") == (None, None)
    assert c.get_lease_info(lease.id).TTL == -1
    try:
        c.put("leased", "x", lease=4711)
    except Exception as error:
        assert "requested lease not found" in str(error), error
    else:
        raise AssertionError("a put on no lease succeeded")


def locks(c):
    counted = []

    def work(name):
        client = connect()
        for _ in range(5):
            with client.lock("turn", ttl=60):
                before = len(counted)
                counted.append(name)
                assert len(counted) == before + 1

    workers = [threading.Thread(target=work, args=[name]) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(counted) == 15
    held = c.lock("turn", ttl=60)
    assert held.acquire(timeout=10) and held.is_acquired()
    assert connect().lock("turn", ttl=60).acquire(timeout=0.2) is False
    assert held.release() and not held.is_acquired()


def watches(c):
    events, cancel = c.watch_prefix("watched/")
    c.put("watched/a", "1")
    c.put("watched/a", "2")
    c.delete("watched/a")
    kinds = [type(next(events)).__name__ for _ in range(3)]
    assert kinds == ["PutEvent", "PutEvent", "DeleteEvent"], kinds
    cancel()
    past = c.put("watched/b", "1").header.revision
    c.put("watched/b", "2")
    events, cancel = c.watch("watched/b", start_revision=past)
    assert [next(events).value for _ in range(2)] == [b"1", b"2"]
    cancel()


def compaction(c):
    first = c.put("compacted", "1").header.revision
    second = c.put("compacted", "2").header.revision
    c.compact(second)
    events, cancel = c.watch("compacted", start_revision=first)
    try:
        next(events)
    except etcd3.exceptions.RevisionCompactedError as error:
        assert error.compacted_revision == second
    else:
        raise AssertionError("a watch saw what was compacted")


def maintenance(c):
    status = c.status()
    assert status.version and status.db_size >= 0 and status.leader is not None
    members = list(c.members)
    assert len(members) == 1 and members[0].client_urls
    assert list(c.list_alarms()) == []
    assert c.hash() >= 0
    c.defragment()
    with tempfile.TemporaryFile() as file:
        c.snapshot(file)
        assert file.tell() > 0


for each in [keys, ranges, transactions, leases, locks, watches, compaction, maintenance]:
    part(each)
