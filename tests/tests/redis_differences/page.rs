//! Which tests show what each row of `docs/redis.md` says.

use crate::{collections as c, limits as l, server as s, streams as x, waiting as w};
use hyrax_tests::pages::page;

/// A row's first column, and its tests.
type Shown = (&'static str, &'static [fn()]);

/// The commands that differ.
const COMMANDS: &[Shown] = &[
    ("`auth`", &[s::operators_and_secrets_log_in_where_redis_has_users]),
    ("`client`", &[s::a_client_is_listed_with_the_fields_of_redis]),
    ("`command`", &[s::what_commands_are_here_is_told, s::a_malformed_count_of_keys_is_read_strictly]),
    ("`config`", &[s::settings_are_those_that_mean_something_here]),
    ("`copy`", &[s::only_database_0_can_be_copied_to]),
    ("`dbsize`", &[c::a_key_past_its_time_is_not_counted]),
    ("`debug`", &[s::debug_has_what_clients_need, s::a_sleep_holds_up_its_own_client_only]),
    ("`dump`", &[c::a_value_is_dumped_in_other_bytes_and_restored_by_the_other]),
    ("`hrandfield`", &[c::hrandfield_draws_others]),
    ("`hscan`", &[c::a_scan_has_cursors_of_its_own_and_sees_the_same]),
    ("`info`", &[s::info_has_the_fields_that_mean_something_here]),
    ("`lastsave`", &[s::nothing_was_saved_since_the_start]),
    ("`latency`", &[s::a_latency_threshold_is_taken_and_nothing_is_sampled]),
    ("`lolwut`", &[s::there_is_no_picture]),
    ("`memory`", &[s::what_memory_is_used_for_is_told_as_it_is_here]),
    (
        "`monitor`",
        &[s::looking_on_is_for_operators_where_there_are_some, s::no_secret_is_shown_to_who_looks_on],
    ),
    ("`move`", &[s::there_is_nowhere_to_move_to]),
    ("`object`", &[c::the_encoding_is_that_of_the_default_settings]),
    ("`randomkey`", &[c::randomkey_draws_others]),
    (
        "`restore`",
        &[c::a_hash_in_a_ziplist_is_not_restored, c::what_is_restored_does_not_say_how_often_it_was_used],
    ),
    ("`role`", &[s::it_is_always_a_master]),
    ("`scan`", &[c::a_scan_has_cursors_of_its_own_and_sees_the_same]),
    ("`select`", &[s::only_database_0_can_be_selected]),
    ("`shutdown`", &[s::a_shutdown_ends_the_server_with_nothing_to_save]),
    ("`spop`", &[c::spop_draws_others]),
    ("`srandmember`", &[c::srandmember_draws_others]),
    ("`sscan`", &[c::a_scan_has_cursors_of_its_own_and_sees_the_same]),
    ("`swapdb`", &[s::only_database_0_can_be_swapped]),
    ("`wait`", &[w::a_wait_counts_no_replicas]),
    ("`zrandmember`", &[c::zrandmember_draws_others]),
    ("`zscan`", &[c::a_scan_has_cursors_of_its_own_and_sees_the_same]),
];

/// The other differences.
const OTHERS: &[Shown] = &[
    (
        "order of `KEYS`, `SMEMBERS`, `HGETALL` and the like",
        &[c::collections_come_in_another_order_but_they_are_the_same],
    ),
    (
        "cursors of `SCAN`, `HSCAN`, `SSCAN`, `ZSCAN`, and how far one call goes",
        &[c::a_scan_has_cursors_of_its_own_and_sees_the_same],
    ),
    (
        "`SPOP`, `SRANDMEMBER`, `HRANDFIELD`, `ZRANDMEMBER`, `RANDOMKEY`",
        &[
            c::spop_draws_others,
            c::srandmember_draws_others,
            c::hrandfield_draws_others,
            c::zrandmember_draws_others,
            c::randomkey_draws_others,
        ],
    ),
    (
        "`ZRANGEBYLEX`, `ZLEXCOUNT` and other ranges by member, where members differ in score",
        &[c::ranges_by_member_among_several_scores_are_left_open],
    ),
    ("`DBSIZE`, `MEMORY USAGE`", &[c::a_key_past_its_time_is_not_counted]),
    (
        "refusal of an unknown command whose words are not UTF-8",
        &[l::a_refusal_shows_what_is_not_utf_8_in_its_own_way],
    ),
    ("`XADD key 5-*` after `5-18446744073709551615`", &[x::an_id_that_cannot_follow_is_always_too_low]),
    (
        "`stream-node-max-entries`, `stream-node-max-bytes`",
        &[x::nodes_larger_than_bounds_are_as_large_as_these],
    ),
    (
        "`XAUTOCLAIM … COUNT` with a number beyond memory",
        &[x::a_count_beyond_memory_is_refused_from_a_number_on],
    ),
    (
        "reading a consumer's own pending entries once more",
        &[x::reading_ones_own_pending_entries_is_counted_and_told_to_nobody],
    ),
    (
        "a client that waits for a key (`BZPOPMIN`) which then is overwritten by what it waits for (`ZUNIONSTORE` over a list)",
        &[w::a_key_that_is_overwritten_serves_who_waits_for_it],
    ),
    ("keys that one command waits for", &[w::a_command_waits_for_a_thousand_keys]),
    (
        "a client in RESP3 that publishes to itself within `MULTI`",
        &[w::a_publisher_in_a_transaction_is_told_after_the_reply],
    ),
    (
        "a client in RESP3 that hears of the keyspace events of its own commands",
        &[w::who_hears_of_its_own_keyspace_events_is_told_before_the_reply],
    ),
    (
        "`SORT` by numbers, after a command that read a number too large or too small",
        &[c::sorting_looks_at_no_number_but_its_own],
    ),
    (
        "which of equals `SORT … BY … LIMIT` and the geo commands with `COUNT` choose",
        &[c::which_of_equals_comes_within_a_limit_is_left_open],
    ),
    (
        "`OBJECT REFCOUNT` of an integer that was copied",
        &[c::an_integer_that_was_copied_is_still_a_small_one],
    ),
    ("the event `keymiss` of `SORT`", &[w::a_sort_misses_the_key_that_is_sorted_alone]),
    (
        "which key `UNSUBSCRIBE` without words confirms first",
        &[w::unsubscribing_from_everything_confirms_the_latest_first],
    ),
    (
        "patterns of `PSUBSCRIBE` longer than 1 KiB, channels longer than 64 KiB",
        &[w::long_patterns_and_channels_are_refused],
    ),
    ("databases", &[s::there_is_one_database]),
    ("`CLIENT REPLY OFF` in a transaction", &[w::without_replies_a_transaction_is_not_half_answered]),
    (
        "`POST` and `Host:` as commands",
        &[l::what_a_browser_was_made_to_send_ends_the_connection_after_the_replies_before_it],
    ),
    ("a reply of more than 1 GiB", &[l::a_reply_of_more_than_a_gibibyte_is_refused]),
    (
        "a key of more than 64 KiB, or one that begins with `\\0hyrax/`",
        &[l::a_key_of_more_than_64_kib_is_refused, l::a_key_of_hyrax_own_is_refused],
    ),
    ("`maxmemory-samples`, `slowlog-max-len`", &[l::samples_and_the_slow_log_have_bounds]),
    ("`maxmemory-policy`", &[s::what_would_be_used_least_often_is_not_known]),
    ("INFO's `rdb_changes_since_last_save`", &[s::changes_of_keys_are_counted_not_of_elements]),
    ("INFO's `lazyfreed_objects`", &[s::large_values_are_always_freed_late]),
    ("scripts and functions", &[s::commands_that_are_not_here_are_unknown]),
];

/// The first column of the table under a heading.
fn rows(heading: &str) -> Vec<String> {
    let page = page("docs/redis.md");
    let (_, after) = page.split_once(&format!("# {heading}\n")).expect(heading);
    let section = after.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.skip(1).map(str::to_owned).collect()
}

#[track_caller]
fn all_are_shown(heading: &str, shown: &[Shown]) {
    assert_eq!(rows(heading), shown.iter().map(|(row, _)| *row).collect::<Vec<_>>());
    assert!(shown.iter().all(|(_, tests)| !tests.is_empty()));
}

#[test]
fn every_command_that_differs_has_its_tests() {
    all_are_shown("With differences", COMMANDS);
}

#[test]
fn every_other_difference_has_its_tests() {
    all_are_shown("Known differences", OTHERS);
}
