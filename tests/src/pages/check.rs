//! Plays the examples of one page and compares.

use std::collections::HashMap;
use std::env;

use serde_json::Value;

use super::block::{Scene, Step, scenes};
use super::browser::{Action, action};
use super::page;
use super::terminal::Terminal;
use crate::hyrax::{Hyrax, WebSocketClient, binary};

/// Numbers of at least so many digits are revisions, milliseconds since 1970 and the like.
const REVISION_DIGITS: usize = 13;

/// Plays the examples of the page `name`, in their order, and panics at the first line that differs from
/// what happens.
pub fn check_examples(name: &str) {
    let scenes = scenes(&page(name));
    assert!(!scenes.is_empty(), "{name} has no examples");
    let mut stage = Stage { server: Hyrax::start(&[]), terminals: HashMap::new(), browser: None };
    let played: Result<(), (usize, String)> =
        scenes.into_iter().try_for_each(|scene| stage.play(scene)).and_then(|()| stage.end());
    if let Err((line, problem)) = played {
        panic!("{name}:{line}: {problem}");
    }
}

/// Everything that the blocks of a page share.
struct Stage {
    server: Hyrax,
    terminals: HashMap<String, Terminal>,
    browser: Option<WebSocketClient>,
}

impl Stage {
    fn play(&mut self, scene: Scene) -> Result<(), (usize, String)> {
        match scene {
            Scene::Terminal(Some(name), steps) if name == "server" => self.play_server(steps),
            Scene::Terminal(name, steps) => {
                // A block without a name is a terminal of its own, closed at its end.
                let kept = name.is_some();
                let name = name.unwrap_or_default();
                let last = steps.last().map_or(0, |(line, _)| *line);
                for (line, step) in steps {
                    self.play_step(&name, step).map_err(|problem| (line, problem))?;
                }
                if kept {
                    return Ok(());
                }
                let Some(mut terminal) = self.terminals.remove(&name) else { return Ok(()) };
                terminal.wait().and_then(|()| terminal.nothing_more()).map_err(|problem| (last, problem))
            }
            Scene::Browser(lines) => lines
                .iter()
                .try_for_each(|(number, line)| self.play_browser(line).map_err(|problem| (*number, problem))),
        }
    }

    /// Starts the server that is shown, on a port of this test's own.
    fn play_server(&mut self, steps: Vec<(usize, Step)>) -> Result<(), (usize, String)> {
        let mut said = String::new();
        for (line, step) in steps {
            match step {
                Step::Run(command) => {
                    let flags = server_flags(&command).map_err(|problem| (line, problem))?;
                    self.server = Hyrax::start(&flags);
                    said = comparable(&self.server.said());
                }
                Step::Expect(expected) => {
                    let expected = comparable(&expected);
                    if !said.lines().any(|line| line == expected) {
                        return Err((line, format!("the server did not print this, but:\n{said}")));
                    }
                }
                other => return Err((line, format!("{other:?} is not for the server's terminal"))),
            }
        }
        Ok(())
    }

    fn play_step(&mut self, name: &str, step: Step) -> Result<(), String> {
        if let Step::Run(command) = step {
            if let Some(mut before) = self.terminals.remove(name) {
                before.wait()?;
                before.nothing_more()?;
            }
            let terminal = self.run(&command);
            self.terminals.insert(name.to_owned(), terminal);
            return Ok(());
        }
        let terminal = self.terminals.get_mut(name).ok_or("nothing runs in this terminal")?;
        match step {
            Step::Type(line) => terminal.type_line(&line)?,
            Step::Interrupt => {
                terminal.nothing_more()?;
                terminal.interrupt();
                self.terminals.remove(name);
            }
            Step::Anything => terminal.skip(),
            Step::Expect(expected) => equal(&terminal.next_line()?, &expected)?,
            Step::Run(_) => {}
        }
        Ok(())
    }

    fn run(&self, command: &str) -> Terminal {
        let address = self.server.address();
        let folder = binary().parent().expect("a file lies in a folder").to_path_buf();
        let path = env::join_paths(
            std::iter::once(folder).chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        );
        let path = path.expect("the folders of PATH can be joined").to_string_lossy().into_owned();
        let environment = [("PATH", path), ("HYRAX_URL", address.to_string())];
        let command = command.replace("2379", &address.port().to_string());
        Terminal::run(&format!("unset HYRAX_SECRET; {command}"), &environment)
    }

    fn play_browser(&mut self, line: &str) -> Result<(), String> {
        match action(line) {
            None => {}
            Some(Action::Open) => self.browser = Some(WebSocketClient::connect(self.server.address())),
            Some(Action::Close) => self.browser = None,
            Some(Action::Send(message, shown)) => {
                let browser = self.browser.as_mut().ok_or("no WebSocket is open")?;
                browser.send_text(message);
                if let Some(shown) = shown {
                    let shown: Value = serde_json::from_str(shown).map_err(|error| error.to_string())?;
                    equal(&browser.reply().to_string(), &shown.to_string())?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), (usize, String)> {
        for terminal in self.terminals.values_mut() {
            terminal.nothing_more().map_err(|problem| (0, problem))?;
        }
        Ok(())
    }
}

/// The flags of a server's command line.
fn server_flags(command: &str) -> Result<Vec<&str>, String> {
    let begins = ["cargo run --release --", "cargo run --release", "hyrax serve", "hyrax"];
    let flags = begins.iter().find_map(|begin| command.strip_prefix(begin));
    let flags = flags.ok_or_else(|| format!("`{command}` starts no server"))?;
    Ok(flags.split_whitespace().collect())
}

fn equal(printed: &str, expected: &str) -> Result<(), String> {
    if comparable(printed) == comparable(expected) {
        return Ok(());
    }
    Err(format!("the page and the server differ\n   page: {expected}\n   server: {printed}"))
}

/// A text without what differs from run to run: ports, revisions, and the flag that names another port.
fn comparable(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        plain.push_str(&rest[..start]);
        let length = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        let is_port = plain.ends_with("127.0.0.1:") || plain.ends_with("127.0.0.1 ");
        match &rest[start..start + length] {
            _ if is_port => plain.push_str("PORT"),
            number if number.len() >= REVISION_DIGITS => plain.push_str("REV"),
            number => plain.push_str(number),
        }
        rest = &rest[start + length..];
    }
    plain.push_str(rest);
    plain.replace(" --url 127.0.0.1:PORT", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_run_to_run_is_left_out() {
        assert!(
            equal(
                "{\"return\":\"OK\",\"rev\":1795260561424790}",
                "{\"return\":\"OK\",\"rev\":1700000000000000}"
            )
            .is_ok()
        );
        assert!(equal("listening on 127.0.0.1:40123", "listening on 127.0.0.1:2379").is_ok());
        assert!(equal("hyrax mon --url 127.0.0.1:40123 foo", "hyrax mon foo").is_ok());
        assert!(equal("{\"return\":7}", "{\"return\":8}").is_err());
        assert!(equal("{\"return\":\"OK\"}", "{\"return\":\"KO\"}").is_err());
    }

    #[test]
    fn a_server_is_started_with_the_flags_shown() {
        assert_eq!(server_flags("cargo run --release").unwrap(), [""; 0]);
        assert_eq!(server_flags("cargo run --release -- --secret s").unwrap(), ["--secret", "s"]);
        assert_eq!(server_flags("hyrax --secret s").unwrap(), ["--secret", "s"]);
        assert!(server_flags("redis-server").is_err());
    }
}
