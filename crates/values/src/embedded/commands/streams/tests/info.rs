use super::*;

#[test]
fn a_stream_tells_what_is_known_of_it() {
    let check = with_group();
    check.run("xdel s 2-1");
    check.check(
        "xinfo stream s",
        "{length=2 radix-tree-keys=1 radix-tree-nodes=2 last-generated-id=3-1 max-deleted-entry-id=2-1 \
         entries-added=3 recorded-first-entry-id=1-1 groups=1 first-entry=[1-1 [f 1-1]] last-entry=[3-1 [f 3-1]]}",
    );
    check.check(
        "xinfo stream s full count 1",
        "{length=2 radix-tree-keys=1 radix-tree-nodes=2 last-generated-id=3-1 max-deleted-entry-id=2-1 \
         entries-added=3 recorded-first-entry-id=1-1 entries=[[1-1 [f 1-1]]] groups=[{name=g \
         last-delivered-id=2-1 entries-read=2 lag=nil pel-count=2 pending=[[1-1 ann 1000000 1]] \
         consumers=[{name=ann seen-time=1000000 pel-count=2 pending=[[1-1 1000000 1]]}]}]}",
    );
    check.check("xinfo consumers s g", "[{name=ann pending=2 idle=0}]");
    check.run("xtrim s maxlen 0");
    check.check(
        "xinfo stream s",
        "{length=0 radix-tree-keys=0 radix-tree-nodes=1 last-generated-id=3-1 max-deleted-entry-id=2-1 \
         entries-added=3 recorded-first-entry-id=0-0 groups=1 first-entry=nil last-entry=nil}",
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let check = with_group();
    check.run("set string x");
    let misused = "ERR unknown subcommand or wrong number of arguments for 'Stream'. Try XINFO HELP.";
    for (line, expected) in [
        ("xinfo stream none", "ERR no such key"),
        ("xinfo groups string", WRONG_TYPE),
        ("xinfo Stream s what", misused),
        ("xinfo Stream s full count", misused),
        ("xinfo stream s full count x", NOT_INTEGER),
        ("xinfo Stream none what", "ERR no such key"),
        ("xinfo consumers s none", "NOGROUP No such consumer group 'none' for key name 's'"),
    ] {
        check.check(line, expected);
    }
}

/// What `XINFO GROUPS` tells of how far the group has come.
#[track_caller]
fn check_lag(check: &Check, expected: &str) {
    let shown = crate::embedded::check::show(&check.run("xinfo groups s"));
    let at = shown.find("entries-read").unwrap_or(0);
    assert_eq!(&shown[at..], format!("{expected}}}]"));
}

#[test]
fn a_groups_lag_is_told_while_it_is_certain() {
    let check = with_stream();
    check.run("xgroup create s g 0");
    check_lag(&check, "entries-read=nil lag=3");
    check.run("xreadgroup group g ann count 1 streams s >");
    check_lag(&check, "entries-read=1 lag=2");
    check.run("xdel s 2-1");
    check_lag(&check, "entries-read=1 lag=nil");
    check.run("xreadgroup group g ann streams s >");
    check_lag(&check, "entries-read=2 lag=1");
    check.run("xadd s 4-1 f 4");
    check_lag(&check, "entries-read=2 lag=2");
    check.run("xgroup setid s g 1-1");
    check_lag(&check, "entries-read=nil lag=nil");
    check.run("xtrim s maxlen 1");
    check_lag(&check, "entries-read=nil lag=1");
    check.run("xgroup setid s g 9-9");
    check_lag(&check, "entries-read=nil lag=nil");
}
