use super::*;
use crate::Reply;
use crate::embedded::check::show;

#[test]
fn groups_are_made_set_and_destroyed() {
    let check = with_stream();
    let required = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to \
                    use the MKSTREAM option to create an empty stream automatically.";
    let syntax = |word: &str| {
        format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try XGROUP HELP.")
    };
    check.run("set string x");
    check.changes();
    for (line, expected) in [
        ("xgroup create s g $", "OK"),
        ("xgroup create s g 0", "BUSYGROUP Consumer Group name already exists"),
        ("xgroup create s h 0 entriesread 2", "OK"),
        ("xgroup create s i what", INVALID_ID),
        ("xgroup create s i 0 entriesread -2", "ERR value for ENTRIESREAD must be positive or -1"),
        ("xgroup create s i 0 entriesread x", NOT_INTEGER),
        ("xgroup CREATE s i 0 what", &syntax("CREATE")),
        ("xgroup create s i 0 mkstream mkstream mkstream mkstream", &syntax("create")),
        ("xgroup create none g 0", required),
        ("xgroup create new g $ mkstream", "OK"),
        ("xgroup create string g $ mkstream", WRONG_TYPE),
        ("xgroup setid s g 1-1 entriesread 1", "OK"),
        ("xgroup setid s none 1-1", "NOGROUP No such consumer group 'none' for key name 's'"),
        ("xgroup setid none g 1-1", required),
        ("xgroup setid s g 1-1 mkstream", &syntax("setid")),
        ("xgroup destroy s h", "1"),
        ("xgroup destroy s h", "0"),
        ("xgroup destroy none h", required),
        ("xgroup createconsumer s g ann", "1"),
        ("xgroup createconsumer s g ann", "0"),
        ("xgroup delconsumer s g bob", "0"),
        ("xgroup delconsumer s g ann", "0"),
    ] {
        check.check(line, expected);
    }
    assert_eq!(
        check.changes(),
        [
            "xgroup s create s g $",
            "xgroup s create s h 0 entriesread 2",
            "xgroup new create new g $ mkstream",
            "xgroup s setid s g 1-1 entriesread 1",
            "xgroup s destroy s h",
            "xgroup s createconsumer s g ann",
            "xgroup s delconsumer s g ann",
        ]
    );
}

#[test]
fn subcommands_are_refused_as_commands_are() {
    let check = Check::new();
    for (line, expected) in [
        ("xgroup", "ERR wrong number of arguments for 'xgroup' command"),
        ("xgroup what", "ERR unknown subcommand 'what'. Try XGROUP HELP."),
        ("xinfo What now", "ERR unknown subcommand 'What'. Try XINFO HELP."),
        ("xgroup create s g", "ERR wrong number of arguments for 'xgroup|create' command"),
        ("xgroup destroy s g x", "ERR wrong number of arguments for 'xgroup|destroy' command"),
        ("xgroup help me", "ERR wrong number of arguments for 'xgroup|help' command"),
        ("xinfo stream", "ERR wrong number of arguments for 'xinfo|stream' command"),
        ("xinfo consumers s", "ERR wrong number of arguments for 'xinfo|consumers' command"),
    ] {
        check.check(line, expected);
    }
    for (line, lines) in [("xgroup help", 17), ("xinfo help", 9)] {
        let Reply::Array(help) = check.run(line) else { panic!("{line}") };
        assert_eq!(help.len(), lines, "{line}");
    }
}

#[test]
fn a_group_delivers_each_entry_once_and_keeps_it_until_it_is_acknowledged() {
    let check = with_stream();
    check.run("xgroup create s g 0");
    check.changes();
    check.check("xreadgroup group g ann count 2 streams s >", "{s=[[1-1 [f 1-1]] [2-1 [f 2-1]]]}");
    check.check("xreadgroup group g bob streams s >", "{s=[[3-1 [f 3-1]]]}");
    assert_eq!(check.run("xreadgroup group g bob streams s >"), Reply::NullArray);
    check.check("xreadgroup group g ann streams s 1-1", "{s=[[2-1 [f 2-1]]]}");
    check.run("xdel s 2-1");
    check.check("xreadgroup group g ann count 5 streams s 0", "{s=[[1-1 [f 1-1]] [2-1 nil]]}");
    check.check("xreadgroup group g cid streams s 0", "{s=[]}");
    check.check("xpending s g", "[3 1-1 3-1 [[ann 2] [bob 1]]]");
    check.check("xack s g 1-1 9-9 1-1", "1");
    check.check("xack s g 1-1 what", INVALID_ID);
    check.check("xack s none what", "0");
    check.check("xgroup delconsumer s g ann", "1");
    check.check("xpending s g", "[1 3-1 3-1 [[bob 1]]]");
    check.check("xack s g 3-1", "1");
    check.check("xpending s g", "[0 nil nil nil]");
    assert_eq!(
        check.changes(),
        [
            "xclaim s g ann 0 1-1 2-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-1",
            "xclaim s g bob 0 3-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
            "xdel s 2-1",
            "xgroup s CREATECONSUMER s g cid",
            "xack s g 1-1 9-9 1-1",
            "xgroup s delconsumer s g ann",
            "xack s g 3-1",
        ]
    );
}

#[test]
fn what_needs_no_acknowledging_is_not_kept() {
    let check = with_stream();
    check.run("xgroup create s g 0");
    check.changes();
    check
        .check("xreadgroup group g ann noack streams s >", "{s=[[1-1 [f 1-1]] [2-1 [f 2-1]] [3-1 [f 3-1]]]}");
    check.check("xpending s g", "[0 nil nil nil]");
    assert_eq!(check.changes(), ["xgroup s CREATECONSUMER s g ann", "xgroup s SETID s g 3-1 ENTRIESREAD 3"]);
}

#[test]
fn reading_as_a_group_is_refused_where_there_is_none() {
    let check = with_stream();
    let group = |key: &str| {
        format!("NOGROUP No such key '{key}' or consumer group 'g' in XREADGROUP with GROUP option")
    };
    check.check("xreadgroup group g ann streams s >", &group("s"));
    check.check("xreadgroup group g ann streams none >", &group("none"));
    check.run("xgroup create s g 0");
    check.check("xreadgroup group g ann streams s none > >", &group("none"));
    check.check("xreadgroup count 1 noack noack streams s >", "ERR Missing GROUP option for XREADGROUP");
    check.check("xreadgroup group g ann streams s what", INVALID_ID);
    let meaningless = check.run("xreadgroup group g ann streams s $");
    assert!(
        matches!(meaningless, Reply::Error(error) if error.to_string().starts_with("ERR The $ ID is meaningless"))
    );
    check.check("xpending s none", "NOGROUP No such key 's' or consumer group 'none'");
    check.check("xclaim s none ann 0 1-1", "NOGROUP No such key 's' or consumer group 'none'");
}

#[test]
fn an_entry_read_again_after_the_group_was_set_back_changes_hands() {
    let check = with_group();
    check.run("xgroup setid s g 0");
    check.check("xreadgroup group g bob count 1 streams s >", "{s=[[1-1 [f 1-1]]]}");
    check.check("xpending s g", "[2 1-1 2-1 [[ann 1] [bob 1]]]");
}

#[test]
fn what_groups_do_fails_no_watch_and_what_changes_entries_does() {
    let check = with_group();
    for (line, is_change) in [
        ("xgroup create s h 0", false),
        ("xgroup create s h 0", false),
        ("xgroup createconsumer s h ann", false),
        ("xreadgroup group h ann streams s >", false),
        ("xclaim s h bob 0 1-1", false),
        ("xautoclaim s h cid 0 -", false),
        ("xack s h 1-1", false),
        ("xgroup setid s h 0", false),
        ("xgroup delconsumer s h ann", false),
        ("xgroup destroy s h", false),
        ("xsetid s 9-9", false),
        ("xtrim s maxlen 5", false),
        ("xdel s 9-9", false),
        ("xadd s 10-1 a b", true),
        ("xdel s 1-1", true),
        ("xtrim s maxlen 1", true),
    ] {
        let watched = [check.engine().watch_key(b"s")];
        check.run(line);
        let expected = if is_change { "aborted" } else { "stream" };
        assert_eq!(check.transaction(&watched, &["type s"]), expected, "{line}");
    }
    let watched = [check.engine().watch_key(b"new")];
    check.run("xgroup create new g $ mkstream");
    assert_eq!(check.transaction(&watched, &["type s"]), "aborted");
}

#[test]
fn what_is_told_of_a_group_leads_to_the_same_group() {
    let check = with_stream();
    let copy = with_stream();
    for line in [
        "xgroup create s g 0",
        "xgroup create s h 1-1 entriesread 1",
        "xgroup createconsumer s g idle",
        "xreadgroup group g ann count 2 streams s >",
        "xreadgroup group g bob noack streams s >",
        "xreadgroup group h new streams s 0",
        "xadd s * a 1",
        "xdel s 2-1",
        "xclaim s g bob 0 1-1 2-1 3-1 force retrycount 4",
        "xclaim s g dan 0 1-1 9-9 lastid 1000000-0",
        "xautoclaim s g dan 0 -",
        "xack s g 1-1",
        "xgroup delconsumer s h new",
        "xgroup setid s g 2-1 entriesread 2",
        "xsetid s 9000000-0 entriesadded 20",
    ] {
        check.run(line);
        for told in check.changes() {
            let told = told.replacen("xgroup s ", "xgroup ", 1);
            let answer = show(&copy.run(&told));
            assert!(!answer.contains("ERR") && !answer.contains("NOGROUP"), "{told}: {answer}");
        }
        assert_eq!(known(&copy), known(&check), "{line}");
    }
}

/// What is known of a stream and its groups; but for how many entries these have read, which a claim does not
/// tell, in Redis either.
fn known(check: &Check) -> String {
    let shown = show(&check.run("xinfo stream s full count 0"));
    let is_counted = |word: &&str| word.starts_with("entries-read=") || word.starts_with("lag=");
    shown.split(' ').filter(|word| !is_counted(word)).collect::<Vec<_>>().join(" ")
}
