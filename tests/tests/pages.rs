//! The documentation is true: its examples happen, and nothing that can be said to the server is left out.

use std::process::Command;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::pages::{check_examples, page, root};
use serde_json::json;

#[test]
fn the_tour_of_the_readme_is_what_happens() {
    check_examples("README.md");
}

#[test]
fn the_examples_of_the_line_door_are_what_happens() {
    check_examples("docs/line.md");
}

#[test]
fn the_examples_of_the_http_page_are_what_happens() {
    check_examples("docs/http.md");
}

#[test]
fn the_examples_of_the_gateways_page_are_what_happens() {
    check_examples("docs/gateway.md");
}

#[test]
fn the_examples_of_the_etcd_page_are_what_happens() {
    check_examples("docs/etcd.md");
}

#[test]
fn the_examples_of_the_discovery_page_are_what_happens() {
    check_examples("docs/discovery.md");
}

#[test]
fn the_examples_of_the_command_line_are_what_happens() {
    check_examples("docs/cli.md");
}

#[test]
fn every_command_is_documented() {
    let names = Hyrax::start(&[]).line().request(&json!({"cmd": "help"}));
    let text = page("docs/line.md");
    let names: Vec<&str> =
        names["return"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.len() > 100, "{names:?}");
    check_named("docs/line.md", &text, &names);
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let text = page("docs/config.md");
    let mut table = String::new();
    for line in hyrax(&["serve", "--print-config", "--node-name=n", "--tls-cert=c", "--tls-key=k"]).lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        }
        let Some((name, value)) = line.split_once(" = ") else { continue };
        let row = format!("| `{table}{name}` |");
        let row = text.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("docs/config.md has no row that begins with `{table}{name}`"));
        let has_default = !["\"n\"", "\"c\"", "\"k\""].contains(&value);
        assert!(
            !has_default || row.contains(&format!("`{value}`")),
            "the default of {name} is {value}: {row}"
        );
    }
}

#[test]
fn every_flag_of_serve_is_documented_with_its_variable() {
    let text = page("docs/config.md");
    let help = hyrax(&["serve", "--help"]);
    check_named("docs/config.md", &text, &flags(&help));
    for flag in flags(&help).iter().filter(|flag| !["--help", "--print-config"].contains(flag)) {
        let variable = format!("HYRAX_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
        check_named("docs/config.md", &text, &[&variable]);
    }
}

#[test]
fn every_flag_of_the_other_commands_is_documented() {
    let text = page("docs/cli.md");
    for command in [
        &["cmd"][..],
        &["mon"],
        &["ekg", "join"],
        &["ekg", "watch"],
        &["ekg", "members"],
        &["sign", "v2"],
        &["sign", "flat"],
        &["sign", "domain"],
        &["lock"],
        &["elect"],
        &["group", "join"],
        &["group", "watch"],
        &["group", "members"],
        &["register"],
        &["services"],
        &["event"],
        &["snapshot", "save"],
        &["snapshot", "restore"],
        &["snapshot", "status"],
        &["etcd2", "get"],
        &["etcd2", "set"],
        &["etcd2", "mk"],
        &["etcd2", "update"],
        &["etcd2", "mkdir"],
        &["etcd2", "setdir"],
        &["etcd2", "updatedir"],
        &["etcd2", "rm"],
        &["etcd2", "rmdir"],
        &["etcd2", "ls"],
        &["etcd2", "watch"],
        &["etcd2", "exec-watch"],
        &["import", "etcd2"],
        &["demo"],
        &["bench"],
        &["completions"],
    ] {
        assert!(
            text.contains(&format!("hyrax {}", command.join(" "))),
            "docs/cli.md lacks hyrax {command:?}"
        );
        check_named("docs/cli.md", &text, &flags(&hyrax(&[command, &["--help"]].concat())));
    }
}

#[test]
fn every_metric_is_documented() {
    let server = Hyrax::start(&[]);
    server.line().request(&json!({"cmd": "ping"}));
    let url = format!("http://{}/metrics", server.address());
    let metrics = output(Command::new("curl").args(["-s", &url]));
    let names: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 10, "{metrics}");
    check_named("docs/http.md", &page("docs/http.md"), &names);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned(), "CHANGELOG.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        pages.push(format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    }
    for name in pages.iter().filter(|name| name.ends_with(".md")) {
        let folder = root().join(name).parent().unwrap().to_path_buf();
        for target in page(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || file.is_empty();
            assert!(
                is_elsewhere || folder.join(file).exists(),
                "{name} links to {target}, which is not there"
            );
        }
    }
}

/// The flags that a help text lists.
fn flags(help: &str) -> Vec<&str> {
    let listed = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags =
        listed.filter_map(|line| line.split([' ', ',', '[', '=']).find(|word| word.starts_with("--")));
    flags.collect()
}

/// Checks that each name stands in the page as code.
fn check_named(name: &str, text: &str, wanted: &[&str]) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    for wanted in wanted {
        let named = text
            .match_indices(wanted)
            .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + wanted.len()..].starts_with(is_part));
        assert!(named, "{name} does not name {wanted}");
    }
}

fn hyrax(arguments: &[&str]) -> String {
    let mut command = Command::new(hyrax_tests::hyrax::binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYRAX_")) {
        command.env_remove(name);
    }
    output(command.args(arguments))
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("what is printed is text")
}
