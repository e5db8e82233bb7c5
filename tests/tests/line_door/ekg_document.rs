//! The examples of the document "EKG", section by section: the flat dialect.
//!
//! Where its example returns `1` for a command that its own section answers with `"OK"`, `"OK"` holds. Members
//! and counts, which it gives for one node, are the cluster's.

use serde_json::json;

use crate::stage::{Stage, ekg_push};

#[test]
fn section_example() {
    Stage::everywhere(|stage| {
        let (mut a, mut b) = (stage.client(), stage.client());
        a.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        a.says(json!({"cmd":"madd","key":"bar"}), json!({"return":"OK"}));

        b.says(
            json!({"cmd":"eadd","key":"foo","id":"mediocre","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        b.says(
            json!({"cmd":"eadd","key":"bar","id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );

        a.hears_of_several_keys(vec![
            json!({"cmd":"eadd","key":"foo","id":"mediocre"}),
            json!({"cmd":"eadd","key":"bar","id":"gopher"}),
        ]);

        b.says(
            json!({"cmd":"erem","key":"foo","id":"mediocre","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        drop(b);

        a.hears_of_several_keys(vec![
            json!({"cmd":"erem","key":"foo","id":"mediocre"}),
            json!({"cmd":"eclose","key":"bar","id":"gopher","cause":"closed"}),
        ]);
        a.hears_nothing();
    });
}

#[test]
fn section_example_in_the_domain_dialect() {
    Stage::everywhere(|stage| {
        let (mut a, mut b) = (stage.client(), stage.client());
        a.says(
            json!({"command":"amon","payload":[{"domain":"ekg","id":"foo"},{"domain":"ekg","id":"bar"}]}),
            json!({"command":"amon","return":[1,1]}),
        );
        b.says(
            json!({"command":"eadd","payload":[
                {"domain":"ekg","id":"foo","name":"mediocre","secret":"lotsahex"},
                {"domain":"ekg","id":"bar","name":"gopher","secret":"lotsahex"}]}),
            json!({"command":"eadd","return":[1,1]}),
        );
        a.hears_of_several_keys(vec![
            ekg_push("ekg", "foo", "mediocre", "eadd"),
            ekg_push("ekg", "bar", "gopher", "eadd"),
        ]);
        b.says(
            json!({"command":"erem","payload":[
                {"domain":"ekg","id":"foo","name":"mediocre","secret":"lotsahex"}]}),
            json!({"command":"erem","return":[1]}),
        );
        drop(b);
        let mut disconnect = ekg_push("ekg", "bar", "gopher", "disconnect");
        disconnect["return"]["cause"] = "closed".into();
        a.hears_of_several_keys(vec![ekg_push("ekg", "foo", "mediocre", "erem"), disconnect]);
    });
}

#[test]
fn section_eadd() {
    Stage::everywhere(|stage| {
        let (mut client, mut monitor) = (stage.client(), stage.client());
        monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        client.says(
            json!({"cmd":"eadd","key":"foo","id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        monitor.hears(json!({"cmd":"eadd","key":"foo","id":"gopher"}));

        // "A client adding itself to an EKG twice has no effect except to overwrite the `id`".
        client.says(
            json!({"cmd":"eadd","key":"foo","id":"mole","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        monitor.hears(json!({"cmd":"eadd","key":"foo","id":"mole","replaces":"gopher"}));
        monitor.says(json!({"cmd":"emembers","key":"foo"}), json!({"return":["mole"]}));
        drop(client);
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"mole","cause":"closed"}));
        monitor.hears_nothing();
    });
}

#[test]
fn section_erem() {
    Stage::everywhere(|stage| {
        let (mut client, mut monitor) = (stage.client(), stage.client());
        monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        client.says(
            json!({"cmd":"eadd","key":"foo","id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        monitor.hears(json!({"cmd":"eadd","key":"foo","id":"gopher"}));
        client.says(json!({"cmd":"erem","key":"foo","secret":"<hmac-sha1>"}), json!({"return":"OK"}));
        monitor.hears(json!({"cmd":"erem","key":"foo","id":"gopher"}));

        // Whether it was there or not.
        client.says(json!({"cmd":"erem","key":"foo","secret":"<hmac-sha1>"}), json!({"return":"OK"}));
        drop(client);
        monitor.hears_nothing();
    });
}

#[test]
fn sections_emembers_and_ecard() {
    Stage::everywhere(|stage| {
        let (mut one, mut other, mut asking) = (stage.client(), stage.client(), stage.client());
        asking.says(json!({"cmd":"emembers","key":"foo"}), json!({"return":[]}));
        asking.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":0}));
        one.says(
            json!({"cmd":"eadd","key":"foo","id":"mediocre","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        other.says(
            json!({"cmd":"eadd","key":"foo","id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        // In no promised order; sorted as it happens.
        asking.says(json!({"cmd":"emembers","key":"foo"}), json!({"return":["gopher","mediocre"]}));
        asking.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":2}));
    });
}

#[test]
fn section_caveats() {
    // "Essentially, the same key can have two different values."
    Stage::everywhere(|stage| {
        let (mut client, mut monitor) = (stage.client(), stage.client());
        monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        client.says(
            json!({"cmd":"eadd","key":"foo","id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        client.says(json!({"cmd":"get","key":"foo"}), json!({"return":null}));
        client.says(
            json!({"cmd":"set","key":"foo","args":["bar"],"id":"gopher","secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        client.says(json!({"cmd":"del","key":"foo","secret":"<hmac-sha1>"}), json!({"return":1}));
        client.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":1}));
        monitor.hears(json!({"cmd":"eadd","key":"foo","id":"gopher"}));
        monitor.hears(json!({"cmd":"set","key":"foo","args":["bar"],"id":"gopher"}));
        monitor.hears(json!({"cmd":"del","key":"foo","args":[]}));
    });
}
