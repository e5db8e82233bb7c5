//! What the server is, and what it tells of itself.

use crate::both::{Both, array, error, last_of, text};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

const NO_SUCH_DATABASE: &str = "ERR DB index is out of range";

/// The answers of a Redis with its usual number of databases, and of Hyrax.
fn with_databases(lines: &[&str]) -> [Resp; 2] {
    let (redis, hyrax) = (Redis::start_with(&["--databases", "16"]), Hyrax::start(&[]));
    [redis.client(), hyrax.resp()].map(|mut client| {
        let replies: Vec<Resp> = lines.iter().map(|line| client.run(&words(line))).collect();
        replies.into_iter().next_back().expect("there is a line")
    })
}

#[test]
pub fn there_is_one_database() {
    let [redis, hyrax] = with_databases(&["CONFIG GET databases"]);
    assert_eq!([redis, hyrax], [array(&["databases", "16"]), array(&["databases", "1"])]);
    // As of a Redis that is configured so.
    for line in ["SELECT 1", "COPY a b DB 1", "SWAPDB 0 1", "MOVE a 1"] {
        let [redis, hyrax] = last_of(&[line]);
        assert_eq!(redis, hyrax, "{line}");
        assert_eq!(hyrax, error(NO_SUCH_DATABASE), "{line}");
    }
}

#[test]
pub fn only_database_0_can_be_selected() {
    let [redis, hyrax] = with_databases(&["SELECT 1"]);
    assert_eq!([redis, hyrax], [Resp::simple("OK"), error(NO_SUCH_DATABASE)]);
    let [redis, hyrax] = with_databases(&["SELECT 0"]);
    assert_eq!(redis, hyrax);
}

#[test]
pub fn only_database_0_can_be_copied_to() {
    let [redis, hyrax] = with_databases(&["SET a 1", "COPY a b DB 1"]);
    assert_eq!([redis, hyrax], [Resp::Integer(1), error(NO_SUCH_DATABASE)]);
    let [redis, hyrax] = with_databases(&["SET a 1", "COPY a b DB 0"]);
    assert_eq!(redis, hyrax);
}

#[test]
pub fn only_database_0_can_be_swapped() {
    let [redis, hyrax] = with_databases(&["SWAPDB 0 1"]);
    assert_eq!([redis, hyrax], [Resp::simple("OK"), error(NO_SUCH_DATABASE)]);
    let [redis, hyrax] = with_databases(&["SWAPDB 0 0"]);
    assert_eq!(redis, hyrax);
}

#[test]
pub fn there_is_nowhere_to_move_to() {
    let [redis, hyrax] = with_databases(&["SET a 1", "MOVE a 1"]);
    assert_eq!([redis, hyrax], [Resp::Integer(1), error(NO_SUCH_DATABASE)]);
    let [redis, hyrax] = with_databases(&["SET a 1", "MOVE a 0"]);
    assert_eq!(redis, hyrax);
}

#[test]
pub fn operators_and_secrets_log_in_where_redis_has_users() {
    let redis = Redis::start();
    redis.client().run(&words("CONFIG SET requirepass hush"));
    let hyrax = Hyrax::start(&["--secret", "hush", "--operator", "ann:pass"]);
    let [mut redis, mut hyrax] = [redis.client(), hyrax.resp()];
    for client in [&mut redis, &mut hyrax] {
        assert_eq!(client.run(&words("AUTH hush")), Resp::simple("OK"));
        assert_eq!(client.run(&words("AUTH default hush")), Resp::simple("OK"));
    }
    assert!(redis.run(&words("AUTH ann pass")).is_error());
    assert_eq!(hyrax.run(&words("AUTH ann pass")), Resp::simple("OK"));
    assert_eq!(redis.run(&words("ACL WHOAMI")), Resp::bulk("default"));
    assert!(text(&hyrax.run(&words("ACL WHOAMI"))).starts_with("ERR unknown command"));
}

#[test]
pub fn a_client_is_listed_with_the_fields_of_redis() {
    let names = |reply: &Resp| -> Vec<String> {
        let fields = text(reply);
        let name = |field: &str| field.split('=').next().map(str::to_owned);
        fields.trim_end().split(' ').filter_map(name).collect()
    };
    let [redis, hyrax] = last_of(&["CLIENT INFO"]);
    assert_eq!(names(&redis), names(&hyrax));
    // There is no descriptor to show, nor are buffers counted as Redis does.
    let shown = text(&hyrax);
    for field in ["fd=-1 ", "qbuf-free=0 ", "argv-mem=0 ", "rbs=0 ", "rbp=0 "] {
        assert!(shown.contains(field), "{field} in {shown}");
    }
    assert!(!text(&redis).contains("fd=-1 "));
}

#[test]
pub fn what_commands_are_here_is_told() {
    let [redis, hyrax] = last_of(&["COMMAND INFO eval"]);
    assert!(matches!(&redis.elements().expect("an array")[0], Resp::Array(_)));
    assert_eq!(hyrax, Resp::Array(vec![Resp::Null]));
    let [redis, hyrax] = last_of(&["COMMAND INFO hmon"]);
    assert_eq!(redis, Resp::Array(vec![Resp::Null]));
    assert!(matches!(&hyrax.elements().expect("an array")[0], Resp::Array(_)));
}

#[test]
pub fn a_malformed_count_of_keys_is_read_strictly() {
    let [redis, hyrax] = last_of(&["COMMAND GETKEYS ZUNIONSTORE to 01 from"]);
    assert_eq!(redis, array(&["from", "to"]));
    assert_eq!(hyrax, error("ERR Invalid arguments specified for command"));
}

#[test]
pub fn commands_that_are_not_here_are_unknown() {
    let [redis, hyrax] = last_of(&["EVAL return(1) 0"]);
    assert_eq!(redis, Resp::Integer(1));
    assert_eq!(hyrax, error("ERR unknown command 'EVAL', with args beginning with: 'return(1)' '0' "));
    let [redis, hyrax] = last_of(&["SCRIPT FLUSH"]);
    assert_eq!(redis, Resp::simple("OK"));
    assert_eq!(hyrax, error("ERR unknown command 'SCRIPT', with args beginning with: 'FLUSH' "));
}

#[test]
pub fn settings_are_those_that_mean_something_here() {
    let both = Both::start();
    let [redis, hyrax] = both.last_of(&["CONFIG SET appendonly no save ''"]);
    assert_eq!(redis.is_error(), hyrax.is_error());
    for (set, refusal) in [
        ("CONFIG SET appendonly yes", "it is always 'no' here"),
        ("CONFIG SET timeout 10", "it is always '0' here"),
        ("CONFIG SET maxmemory-clients 1gb", "it is always '0' here"),
        ("CONFIG SET repl-backlog-size 10mb", "Unknown option or number of arguments"),
        ("CONFIG REWRITE", "ERR The server is running without a config file"),
    ] {
        let [redis, hyrax] = both.last_of(&[set]);
        assert!(text(&hyrax).contains(refusal), "{set}: {hyrax:?}");
        assert_eq!(redis == Resp::simple("OK"), set != "CONFIG REWRITE", "{set}: {redis:?}");
    }
}

#[test]
pub fn what_would_be_used_least_often_is_not_known() {
    let both = Both::start();
    for policy in ["allkeys-lfu", "volatile-lfu"] {
        let [redis, hyrax] = both.last_of(&[&format!("CONFIG SET maxmemory-policy {policy}")]);
        assert_eq!(redis, Resp::simple("OK"));
        assert!(text(&hyrax).contains("argument(s) must be one of the following: noeviction, "), "{hyrax:?}");
    }
}

#[test]
pub fn a_latency_threshold_is_taken_and_nothing_is_sampled() {
    let both = Both::start();
    let slow = ["CONFIG SET latency-monitor-threshold 1", "DEBUG SLEEP 0.05", "LATENCY LATEST"];
    let [redis, hyrax] = both.last_of(&slow);
    // A Redis as it is configured by default refuses DEBUG.
    assert!(matches!(redis, Resp::Array(_)));
    assert_eq!(hyrax, Resp::Array(vec![]));
    let [redis, hyrax] = both.last_of(&["SET a 1", "LATENCY HISTOGRAM set"]);
    let calls = |reply: &Resp| match reply {
        Resp::Map(commands) => match &commands[0].1 {
            Resp::Map(fields) => fields[0].clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(calls(&redis), calls(&hyrax));
}

#[test]
pub fn debug_has_what_clients_need() {
    let redis = Redis::start_with(&["--enable-debug-command", "yes"]);
    let hyrax = Hyrax::start(&[]);
    let [mut redis, mut hyrax] = [redis.client(), hyrax.resp()];
    for line in
        ["DEBUG SLEEP 0", "DEBUG SET-ACTIVE-EXPIRE 1", "DEBUG STRINGMATCH-LEN 10 *", "DEBUG PROTOCOL double"]
    {
        let [redis, hyrax] = [redis.run(&words(line)), hyrax.run(&words(line))];
        assert_eq!(redis.is_error(), hyrax.is_error(), "{line}: {redis:?} and {hyrax:?}");
    }
    redis.run(&words("SET a 1"));
    assert!(!redis.run(&words("DEBUG OBJECT a")).is_error());
    assert!(hyrax.run(&words("DEBUG OBJECT a")).is_error());
}

#[test]
pub fn a_sleep_holds_up_its_own_client_only() {
    let hyrax = Hyrax::start(&[]);
    let (mut sleeps, mut other) = (hyrax.resp(), hyrax.resp());
    sleeps.send_raw(b"DEBUG SLEEP 1000\r\n").expect("the server takes a command");
    assert_eq!(other.run(&words("PING")), Resp::simple("PONG"));
    let redis = Redis::start_with(&["--enable-debug-command", "yes"]);
    let (mut sleeps, mut other) = (redis.client(), redis.client());
    sleeps.send_raw(b"DEBUG SLEEP 1\r\n").expect("the server takes a command");
    std::thread::sleep(std::time::Duration::from_millis(200));
    other.send_raw(b"PING\r\n").expect("the server takes a command");
    assert!(!other.has_reply(std::time::Duration::from_millis(100)), "all wait");
}

#[test]
pub fn info_has_the_fields_that_mean_something_here() {
    let both = Both::start();
    let fields = |reply: &Resp| -> Vec<String> {
        let named = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned());
        text(reply).lines().filter_map(named).collect()
    };
    let [redis, hyrax] = both.last_of(&["INFO"]);
    let (redis, hyrax) = (fields(&redis), fields(&hyrax));
    let own: Vec<&String> = hyrax.iter().filter(|field| !redis.contains(field)).collect();
    assert_eq!(own, ["hyrax_version", "hyrax_node", "hyrax_values"]);
    assert!(
        redis.iter().any(|field| field == "rdb_last_cow_size")
            && !hyrax.contains(&"rdb_last_cow_size".into())
    );
}

#[test]
pub fn changes_of_keys_are_counted_not_of_elements() {
    let both = Both::start();
    let changes = |reply: &Resp| {
        let text = text(reply);
        let line = text.lines().find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
        line.and_then(|count| count.parse().ok()).unwrap_or(-1)
    };
    let counted = both.last_of(&["SADD s a b c", "SADD s a", "INFO persistence"]).map(|info| changes(&info));
    assert_eq!(counted, [3, 1]);
}

#[test]
pub fn large_values_are_always_freed_late() {
    let both = Both::start();
    let fill = crate::both::with_numbers("SADD s", 0..200);
    let freed = |reply: &Resp| text(reply).contains("lazyfreed_objects:1\r\n");
    let deleted = both.last_of(&[&fill, "DEL s", "INFO memory"]).map(|info| freed(&info));
    assert_eq!(deleted, [false, true]);
    // `UNLINK` is the same in both, but that Redis may take a moment.
    let both = Both::start();
    assert!(freed(&both.last_of(&[&fill, "UNLINK s", "INFO memory"])[1]));
}

#[test]
pub fn nothing_was_saved_since_the_start() {
    let both = Both::start();
    let began = both.last_of(&["LASTSAVE"]);
    let saved = ["SET a 1", "SAVE"];
    let [redis, hyrax] = both.last_of(&saved);
    assert_eq!(redis, Resp::simple("OK"));
    assert!(text(&hyrax).starts_with("ERR unknown command 'SAVE'"));
    assert_eq!(both.last_of(&["LASTSAVE"])[1], began[1]);
}

#[test]
pub fn there_is_no_picture() {
    let [redis, hyrax] = last_of(&["LOLWUT VERSION 5"]);
    assert!(text(&redis).len() > text(&hyrax).len());
    assert_eq!(text(&hyrax), "Redis ver. 7.0.15\n");
    assert!(text(&redis).ends_with("Redis ver. 7.0.15\n"));
}

#[test]
pub fn what_memory_is_used_for_is_told_as_it_is_here() {
    let both = Both::start();
    let [redis, hyrax] = both.last_of(&["SET a 1", "MEMORY USAGE a"]);
    assert_ne!(redis, hyrax);
    assert!(matches!(hyrax, Resp::Integer(1..)));
    let [Resp::Map(redis), Resp::Map(hyrax)] = both.last_of(&["MEMORY STATS"]) else { panic!("maps") };
    assert!(hyrax.len() < redis.len());
    let [redis, hyrax] = both.last_of(&["MEMORY MALLOC-STATS"]);
    assert!(text(&redis).contains("jemalloc"));
    assert_eq!(text(&hyrax), "Stats not supported for the current allocator");
}

#[test]
pub fn no_secret_is_shown_to_who_looks_on() {
    let both = Both::start();
    let [redis, hyrax] = both.clients().map(|mut client| {
        client.run(&words("MONITOR"));
        client
    });
    both.last_of(&["HELLO 3 AUTH default hush SETNAME n", "PING"]);
    let shown = |mut client: RespClient| loop {
        let line = text(&client.read().expect("a line"));
        if line.contains("AUTH") || line.contains("PING") {
            return line;
        }
    };
    let [redis, hyrax] = [shown(redis), shown(hyrax)];
    assert!(!redis.contains("hush") && !hyrax.contains("hush"));
    assert!(hyrax.contains(r#""HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "n""#), "{hyrax}");
}

#[test]
pub fn looking_on_is_for_operators_where_there_are_some() {
    let redis = Redis::start();
    redis.client().run(&words("CONFIG SET requirepass hush"));
    let hyrax = Hyrax::start(&["--secret", "hush", "--operator", "ann:pass", "--sudo", "10.0.0.0/8"]);
    let [mut redis, mut hyrax] = [redis.client(), hyrax.resp()];
    redis.run(&words("AUTH hush"));
    hyrax.run(&words("AUTH hush"));
    assert_eq!(redis.run(&words("MONITOR")), Resp::simple("OK"));
    assert_eq!(
        hyrax.run(&words("MONITOR")),
        error("NOPERM this user has no permissions to run the 'monitor' command")
    );
    hyrax.run(&words("AUTH ann pass"));
    assert_eq!(hyrax.run(&words("MONITOR")), Resp::simple("OK"));
}

#[test]
pub fn it_is_always_a_master() {
    let both = Both::start();
    let [redis, hyrax] = both.last_of(&["ROLE"]);
    assert_eq!(redis, hyrax);
    let [redis, hyrax] = both.last_of(&["REPLICAOF 127.0.0.1 1"]);
    assert_eq!(redis, Resp::simple("OK"));
    assert!(hyrax.is_error());
    let [redis, hyrax] = both.last_of(&["ROLE"]).map(|role| role.elements().expect("a role")[0].clone());
    assert_eq!([redis, hyrax], [Resp::bulk("slave"), Resp::bulk("master")]);
}

#[test]
pub fn a_shutdown_ends_the_server_with_nothing_to_save() {
    let both = Both::start();
    let [mut redis, mut hyrax] = both.clients();
    let (mut subscriber, mut line) = (both.hyrax.resp(), both.hyrax.line());
    line.request(&serde_json::json!({"cmd": "madd", "key": "a"}));
    assert_eq!(subscriber.run(&words("PING")), Resp::simple("PONG"));
    for client in [&mut redis, &mut hyrax] {
        assert!(client.try_run(&words("SHUTDOWN SAVE")).is_err(), "the connection is closed");
    }
    // Who is still there is disconnected too.
    while subscriber.try_run(&words("PING")).is_ok() {}
    for address in [both.redis.address(), both.hyrax.address()] {
        let since = std::time::Instant::now();
        while RespClient::try_connect(address).is_ok_and(|mut client| client.try_run(&words("PING")).is_ok())
        {
            assert!(since.elapsed().as_secs() < 60, "{address} still answers");
        }
    }
}
