//! Command lines that go on until they are interrupted.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};

use super::program::{Program, Running, until, watchers};

fn begin(program: &Program, line: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let mut command = program.command(line);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it can be started");
    let lines = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    until("it waits", || watchers(program.etcd.address()) == 1);
    (Running(child), lines)
}

fn next_line(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("its output can be read");
    line
}

fn write(program: &Program, line: &[&str]) {
    assert_eq!(program.run(line, "").code, Some(0), "{line:?}");
}

#[test]
fn both_print_every_change_until_interrupted() {
    let told = Program::both().map(|program| {
        let (running, mut lines) = begin(&program, &["watch", "--forever", "--recursive", "/foo"]);
        let mut told = String::new();
        for number in ["1", "2", "3"] {
            write(&program, &["set", "/foo/a", number]);
            told.push_str(&next_line(&mut lines));
            told.push_str(&next_line(&mut lines));
        }
        write(&program, &["mkdir", "/foo/dir"]);
        write(&program, &["rm", "/foo/a"]);
        told.push_str(&next_line(&mut lines));
        told.push_str(&next_line(&mut lines));
        (told, running.interrupt())
    });
    assert_eq!(told[0], told[1]);
    assert!(told[1].0.starts_with("[set] /foo/a\n1\n[set] /foo/a\n2\n"), "{told:?}");
}

#[test]
fn both_print_one_change_and_end() {
    let told = Program::both().map(|program| {
        let (mut running, mut lines) = begin(&program, &["-o", "extended", "watch", "/foo"]);
        write(&program, &["set", "/foo", "1"]);
        let mut told = String::new();
        while lines.read_line(&mut told).expect("its output can be read") > 0 {}
        (told, running.0.wait().expect("a child can be waited for").code())
    });
    assert_eq!(told[0], told[1]);
    assert!(told[1].0.contains("Key: /foo\n"), "{told:?}");
}

#[test]
fn both_run_a_program_at_each_change() {
    let told = Program::both().map(|program| {
        let script =
            "echo $ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_MODIFIED_INDEX $0 $1";
        let line = ["exec-watch", "--recursive", "/foo", "--", "sh", "-c", script, "-x", "--y"];
        let (running, mut lines) = begin(&program, &line);
        let mut told = Vec::new();
        for number in ["1", "2"] {
            write(&program, &["set", "/foo/a", number]);
            told.push(next_line(&mut lines));
        }
        (told, running.interrupt())
    });
    assert_eq!(told[0], told[1]);
    assert!(told[1].0[0].starts_with("set /foo/a 1 "), "{told:?}");
}
