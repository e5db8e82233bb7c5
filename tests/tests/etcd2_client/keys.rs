//! Keys and directories, and what the cluster says of itself.

use std::time::Duration;

use hyrax_client::etcd_v2::{Action, Client, Compare, ErrorCode, Response, Result};

use super::stage::on_each;

const SIXTY: Duration = Duration::from_secs(60);

fn value(response: &Response) -> &str {
    response.node.value.as_deref().expect("a key has a value")
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> (u32, String) {
    match result.expect_err("it is refused") {
        hyrax_client::etcd_v2::Error::Etcd(error) => (error.code.number(), error.cause),
        error => panic!("not etcd's refusal: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_tells_who_is_in_it() {
    on_each(async |client: Client| {
        let machines = client.machines().await.unwrap();
        assert_eq!(machines, client.endpoints());
        let members = client.members().await.unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].client_urls, machines);
        assert_eq!(client.leader().await.unwrap().id, members[0].id);
        assert!(client.version().await.unwrap().server.starts_with("3."));
        assert!(client.is_healthy().await.unwrap());
        client.sync().await.unwrap();
        assert_eq!(client.endpoints(), machines);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_what_is_done() {
    on_each(async |client: Client| {
        let before = client.store_stats().await.unwrap();
        client.set("/a", "1").await.unwrap();
        client.compare_and_swap("/a", "2", Compare::value("x")).await.unwrap_err();
        let after = client.store_stats().await.unwrap();
        assert_eq!(after.sets_success, before.sets_success + 1);
        assert_eq!(after.compare_and_swap_fail, before.compare_and_swap_fail + 1);
        let of_self = client.self_stats().await.unwrap();
        assert_eq!(of_self.state, "StateLeader");
        assert_eq!(of_self.leader_info.leader, of_self.id);
        let of_leader = client.leader_stats().await.unwrap();
        assert_eq!((of_leader.leader, of_leader.followers.len()), (of_self.id, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_set_and_ends_when_it_is_to() {
    on_each(async |client: Client| {
        let set = client.set("/foo/bar", "Hello World").await.unwrap();
        assert_eq!((&set.action, value(&set), &set.prev_node), (&Action::Set, "Hello World", &None));
        let again = client.set("/foo/bar", "Hello World").ttl(SIXTY).await.unwrap();
        assert_eq!(again.node.ttl, Some(60));
        assert!(again.node.expiration.is_some_and(|time| time.ends_with('Z') && time.contains('T')));
        assert_eq!(again.prev_node.unwrap().modified_index, set.node.modified_index);
        assert_eq!(again.node.modified_index, set.node.modified_index + 1);
        let read = client.get("/foo/bar").quorum().await.unwrap();
        assert_eq!((read.action.clone(), value(&read)), (Action::Get, "Hello World"));
        assert!(read.node.ttl.is_some_and(|ttl| (55..=60).contains(&ttl)), "{read:?}");
        let refreshed = client.refresh("/foo/bar", 2 * SIXTY).await.unwrap();
        assert_eq!((value(&refreshed), refreshed.node.ttl), ("Hello World", Some(120)));
        assert_eq!(client.set("/foo/bar", "x").await.unwrap().node.ttl, None);
        client.set("/foo/short", "x").ttl(Duration::from_millis(500)).await.unwrap();
        let gone = async { while client.exists("/foo/short").await.unwrap() {} };
        super::stage::soon(gone).await;
        for odd in ["/with space", "/ü/ключ", "/a?b#c%d+e&f=g", "relative", "//doubled//"] {
            client.set(odd, "1=2&3 +ü\n").await.unwrap();
            assert_eq!(value(&client.get(odd).await.unwrap()), "1=2&3 +ü\n", "{odd}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_swapped_if_it_is_what_it_was() {
    on_each(async |client: Client| {
        client.set("/foo/bar", "Hello World").await.unwrap();
        let swap = |compare| client.compare_and_swap("/foo/bar", "Goodbye Cruel World", compare);
        let swapped = swap(Compare::value("Hello World")).await.unwrap();
        assert_eq!(swapped.action, Action::CompareAndSwap);
        assert_eq!(swapped.prev_node.unwrap().value.as_deref(), Some("Hello World"));
        let (code, cause) = refused(swap(Compare::value("Hello World")).await);
        assert_eq!((code, &*cause), (101, "[Hello World != Goodbye Cruel World]"));
        assert_eq!(refused(swap(Compare::index(1)).await).0, 101);
        let index = swapped.node.modified_index;
        let swapped = client.test_and_set("/foo/bar", " Goodbye", Compare::index(index)).ttl(SIXTY).await;
        let swapped = swapped.unwrap();
        assert_eq!((value(&swapped), swapped.node.ttl), (" Goodbye", Some(60)));
        let both = Compare::value(" Goodbye").and_index(swapped.node.modified_index);
        swap(both.clone()).await.unwrap();
        assert_eq!(refused(swap(both).await).0, 101);
        assert_eq!(refused(swap(Compare::value("")).await).0, 201);
        let missing = client.compare_and_swap("/nothing", "x", Compare::index(7)).await;
        assert_eq!(refused(missing), (100, "/nothing".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_was_not_there_and_what_is_updated_was() {
    on_each(async |client: Client| {
        let created = client.create("/foo/boo", "Hello World").await.unwrap();
        assert_eq!(created.action, Action::Create);
        assert_eq!(refused(client.create("/foo/boo", "x").await), (105, "/foo/boo".to_owned()));
        let dir = client.create_dir("/fooDir").await.unwrap();
        assert!(dir.node.dir);
        assert_eq!(refused(client.create_dir("/fooDir").await), (105, "/fooDir".to_owned()));
        let updated = client.update("/foo/boo", "Merhaba").ttl(SIXTY).await.unwrap();
        assert_eq!((updated.action.clone(), value(&updated)), (Action::Update, "Merhaba"));
        assert_eq!(updated.node.created_index, created.node.created_index);
        assert_eq!(refused(client.update("/foo/none", "x").await), (100, "/foo/none".to_owned()));
        let updated = client.update_dir("/fooDir").ttl(SIXTY).await.unwrap();
        assert_eq!((updated.node.dir, updated.node.ttl), (true, Some(60)));
        assert_eq!(client.update_dir("/fooDir").await.unwrap().node.ttl, None);
        assert_eq!(refused(client.update_dir("/noDir").await).0, 100);
        let made = client.set_dir("/setDir").ttl(SIXTY).await.unwrap();
        assert_eq!((made.action, made.node.ttl), (Action::Set, Some(60)));
        assert_eq!(client.set_dir("/setDir").await.unwrap_err().code(), Some(ErrorCode::NotFile));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_order_come_in_order() {
    on_each(async |client: Client| {
        let first = client.create_in_order("/queue", "one").await.unwrap();
        let second = client.set("/queue", "two").ordered().ttl(SIXTY).await.unwrap();
        assert!(first.node.key < second.node.key);
        assert_eq!((second.action, second.node.ttl), (Action::Create, Some(60)));
        let all = client.get("/queue").sorted().await.unwrap();
        let values: Vec<_> = all.node.nodes.iter().filter_map(|node| node.value.as_deref()).collect();
        assert_eq!(values, ["one", "two"]);
        assert_eq!(all.node.nodes[0].name().len(), 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_read_whole_but_for_what_is_hidden() {
    on_each(async |client: Client| {
        for key in ["/foo/a", "/foo/b/c", "/foo/b/d/e", "/foo/_hidden"] {
            client.set(key, key).await.unwrap();
        }
        assert!(client.exists("/foo/a").await.unwrap());
        assert!(!client.exists("/foo/x").await.unwrap());
        assert!(!client.exists("/foo/a/below a key").await.unwrap());
        let shallow = client.get("/foo").await.unwrap();
        assert_eq!(shallow.node.walk().count(), 3);
        let deep = client.get("/foo").recursive().sorted().await.unwrap();
        let keys: Vec<_> = deep.node.walk().map(|node| node.key.as_str()).collect();
        assert_eq!(keys, ["/foo", "/foo/a", "/foo/b", "/foo/b/c", "/foo/b/d", "/foo/b/d/e"]);
        assert_eq!(value(&client.get("/foo/_hidden").await.unwrap()), "/foo/_hidden");
        assert_eq!(client.get("/").await.unwrap().node.nodes.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone() {
    on_each(async |client: Client| {
        client.create_dir("/foo/qux").await.unwrap();
        client.set("/foo/boo", "x").await.unwrap();
        let deleted = client.delete("/foo/boo").await.unwrap();
        assert_eq!((deleted.action, deleted.node.value), (Action::Delete, None));
        assert_eq!(deleted.prev_node.unwrap().value.as_deref(), Some("x"));
        assert_eq!(refused(client.delete("/foo/qux").await).0, 102);
        client.delete_dir("/foo/qux").await.unwrap();
        client.set("/foo/a/b", "x").await.unwrap();
        assert_eq!(refused(client.delete_dir("/foo").await).0, 108);
        assert!(client.get("/foo").recursive().await.unwrap().node.walk().count() > 2);
        client.delete_dir("/foo").recursive().await.unwrap();
        assert!(client.get("/foo").recursive().await.unwrap_err().is_not_found());
        assert_eq!(refused(client.delete("/foo").await).0, 100);

        client.create("/foo/bar", "bar value").await.unwrap();
        let delete = |compare| client.compare_and_delete("/foo/bar", compare);
        assert_eq!(refused(delete(Compare::value("other")).await).0, 101);
        let deleted = delete(Compare::value("bar value")).await.unwrap();
        assert_eq!(deleted.action, Action::CompareAndDelete);
        let created = client.create("/foo/bar", "Hello World").await.unwrap();
        assert_eq!(refused(delete(Compare::index(created.node.modified_index - 1)).await).0, 101);
        delete(Compare::index(created.node.modified_index)).await.unwrap();
        assert!(!client.exists("/foo/bar").await.unwrap());
        assert_eq!(refused(client.delete_dir("/").recursive().await).0, 107);
    })
    .await;
}
