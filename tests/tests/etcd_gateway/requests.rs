//! Single requests and their answers.

use crate::exchange::{Both, base64};

#[test]
fn keys_are_written_read_and_deleted() {
    let both = Both::start();
    let answer = both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    assert_eq!(
        answer.body,
        r##"{"header":{"cluster_id":"#","member_id":"#","revision":"+1","raft_term":"#"}}"##
    );
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6","prev_kv":true}"#);
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","ignore_value":true,"prevKv":true}"#);
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6","ignore_value":true}"#);
    both.agree("/v3/kv/put", r#"{"key":"bmV3","ignoreLease":true,"value":"YQ=="}"#);
    both.agree("/v3/kv/put", r#"{"key":"bmV3","lease":"12345","value":"YQ=="}"#);
    both.agree("/v3/kv/put", "{}");
    for name in ["a", "b", "c"] {
        both.agree(
            "/v3/kv/put",
            &format!(r#"{{"key":"{}","value":"{}"}}"#, base64(name), base64(&format!(">>><<<???&&&{name}"))),
        );
    }
    for range in [
        r#"{"key":"Zm9v"}"#,
        r#"{"key":"Zm9v","revision":"{+1}"}"#,
        r#"{"key":"Zm9v","revision":{+2}}"#,
        r#"{"key":"Zm9v","revision":"{+99}"}"#,
        r#"{"key":"AA==","range_end":"AA=="}"#,
        r#"{"key":"AA==","rangeEnd":"AA==","limit":2,"sort_order":"DESCEND","sort_target":"CREATE"}"#,
        r#"{"key":"AA==","range_end":"AA==","limit":"2","sortOrder":2,"sortTarget":4}"#,
        r#"{"key":"AA==","range_end":"AA==","keys_only":true}"#,
        r#"{"key":"AA==","range_end":"AA==","count_only":true}"#,
        r#"{"key":"AA==","range_end":"AA==","min_mod_revision":"{+4}","max_create_revision":"{+5}"}"#,
        r#"{"key":"bm9wZQ=="}"#,
        r#"{"key":"Zm9v","bogus":{"deep":[1,{"x":null}]}}"#,
        r#"{"key":"Zm9v","limit":null,"range_end":null}"#,
        "{}",
        "",
        "null",
        r#"{"key":"Zm9v"} garbage"#,
    ] {
        both.agree("/v3/kv/range", range);
        both.agree("/v3beta/kv/range", range);
    }
    both.agree("/v3/kv/deleterange", r#"{"key":"YQ==","range_end":"Yw==","prev_kv":true}"#);
    both.agree("/v3/kv/deleterange", r#"{"key":"bm9wZQ=="}"#);
    both.agree("/v3/kv/deleterange", "{}");
    both.agree("/v3/kv/compaction", r#"{"revision":"{+3}"}"#);
    both.agree("/v3/kv/compaction", r#"{"revision":"{+2}","physical":true}"#);
    both.agree("/v3/kv/compaction", r#"{"revision":"{+99}"}"#);
    both.agree("/v3/kv/range", r#"{"key":"Zm9v","revision":"{+1}"}"#);
}

#[test]
fn transactions_compare_and_do_one_thing_or_another() {
    let both = Both::start();
    both.agree("/v3/kv/put", r#"{"key":"YQ==","value":"MQ=="}"#);
    for txn in [
        r#"{"compare":[{"key":"YQ==","result":"EQUAL","target":"VALUE","value":"MQ=="}],
            "success":[{"request_put":{"key":"YQ==","value":"Mg==","prev_kv":true}},
                       {"request_range":{"key":"YQ=="}},
                       {"request_delete_range":{"key":"bm9wZQ=="}}]}"#,
        r#"{"compare":[{"key":"YQ==","target":"MOD","result":"GREATER","modRevision":"{+9}"}],
            "success":[{"requestPut":{"key":"YQ==","value":"Mw=="}}],
            "failure":[{"requestTxn":{"success":[{"requestRange":{"key":"YQ=="}}]}}]}"#,
        r#"{"compare":[{"key":"YQ==","target":"VERSION","version":"2"},
                       {"key":"YQ==","target":"CREATE","create_revision":"{+1}"},
                       {"key":"YQ==","target":"LEASE","lease":"0"}],
            "success":[{"request_range":{"key":"YQ==","count_only":true}}]}"#,
        r#"{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}"#,
        r#"{"success":[{"request_put":{}}]}"#,
        r#"{"success":[{}]}"#,
        "{}",
    ] {
        both.agree("/v3/kv/txn", txn);
    }
    let many = vec![r#"{"request_range":{"key":"YQ=="}}"#; 129].join(",");
    both.agree("/v3/kv/txn", &format!(r#"{{"success":[{many}]}}"#));
}

#[test]
fn leases_are_granted_looked_at_and_revoked() {
    let both = Both::start();
    both.agree("/v3/lease/grant", r#"{"TTL":"600","ID":"77"}"#);
    both.agree("/v3/lease/grant", r#"{"TTL":9000000001,"ID":78}"#);
    both.agree("/v3/kv/put", r#"{"key":"YQ==","value":"MQ==","lease":77}"#);
    both.agree("/v3/kv/range", r#"{"key":"YQ=="}"#);
    both.agree("/v3/lease/leases", "{}");
    both.agree("/v3/kv/lease/leases", "");
    both.agree("/v3/lease/timetolive", r#"{"ID":"78"}"#);
    both.agree("/v3/lease/revoke", r#"{"ID":"77"}"#);
    both.agree("/v3/kv/lease/revoke", r#"{"ID":"77"}"#);
    both.agree("/v3/kv/range", r#"{"key":"YQ=="}"#);
    // What etcd 3.4 calls a failed precondition, 3.5 calls a bad request.
    let granted = both.servers.each_ref().map(|server| {
        server.post("/v3/lease/grant", r#"{"TTL":"600","ID":"79"}"#);
        server.post("/v3/lease/grant", r#"{"TTL":"600","ID":"79"}"#)
    });
    assert_eq!(granted.each_ref().map(|answer| answer.status), [412, 400]);
    assert_eq!(granted[0].body, granted[1].body);
}

/// As etcd by status and code; the words are those of whoever read the JSON.
#[test]
fn what_is_no_message_is_refused() {
    let both = Both::start();
    for body in ["{", "[]", "5", r#""x""#, "true"] {
        both.agree("/v3/kv/range", body);
        both.agree("/v3/watch", body);
        both.agree("/v3/lease/keepalive", body);
    }
    for body in
        [r#"{"key":"!!"}"#, r#"{"key":5}"#, r#"{"limit":"x"}"#, r#"{"sort_order":"NOPE"}"#, "nul", "{]"]
    {
        let [etcd, hyrax] = both.servers.each_ref().map(|server| server.post("/v3/kv/range", body));
        assert_eq!((etcd.status, hyrax.status), (400, 400), "{body}");
        assert!(hyrax.body.ends_with(r#","code":3}"#) && etcd.body.ends_with(r#","code":3}"#), "{hyrax:?}");
    }
    let deep = format!(r#"{{"success":{}"#, r#"[{"request_txn":{"success":"#.repeat(10_000));
    assert_eq!(both.servers[1].post("/v3/kv/txn", &deep).status, 400);
}

#[test]
fn what_is_not_there_and_other_methods_are_answered_in_plain_text() {
    let both = Both::start();
    for path in ["/v3/kv/nope", "/v3/kv/range/", "/v3/", "/v3/kv"] {
        both.agree(path, "{}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        for path in ["/v3/kv/range", "/v3/watch", "/v3/kv/nope"] {
            let [etcd, hyrax] = both.servers.each_ref().map(|server| server.send(method, path, "", ""));
            assert_eq!(hyrax, etcd, "{method} {path}");
        }
    }
    let alpha = both.servers[1].post("/v3alpha/kv/range", r#"{"key":"Zm9v"}"#);
    assert_eq!(alpha.status, 200, "also for clients of etcds before 3.4");
}

#[test]
fn a_request_that_is_too_large_is_refused() {
    let both = Both::start();
    for bytes in [1_200_000, 1_600_000, 8_000_000] {
        let body = format!(r#"{{"key":"YQ==","value":"{}"}}"#, base64(&"x".repeat(bytes)));
        let [etcd, hyrax] = both.servers.each_ref().map(|server| server.post("/v3/kv/put", &body));
        assert_eq!(etcd.status == 200, hyrax.status == 200, "{bytes}: {etcd:?} {hyrax:?}");
    }
}
