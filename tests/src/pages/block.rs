//! The fenced blocks of a page. Knows nothing of what is done with them.

/// One step in a terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A command line is run.
    Run(String),
    /// A line is typed into what runs.
    Type(String),
    /// What runs is interrupted.
    Interrupt,
    /// Whatever else is printed is of no interest.
    Anything,
    /// This line is printed.
    Expect(String),
}

/// What a block is an example of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// A terminal, by name, and what happens in it, each step with its line's number.
    Terminal(Option<String>, Vec<(usize, Step)>),
    /// A browser's console: its lines, numbered.
    Browser(Vec<(usize, String)>),
}

/// The examples in a page of Markdown, in their order. Blocks of other languages are not examples.
pub(super) fn scenes(page: &str) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((_, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let body: Vec<(usize, String)> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .map(|(number, line)| (number, line.to_owned()))
            .collect();
        let mut words = language.split_whitespace();
        match words.next() {
            Some("console") => {
                let steps = body.into_iter().map(|(number, line)| (number, step(line))).collect();
                scenes.push(Scene::Terminal(words.next().map(str::to_owned), steps));
            }
            Some("js") => scenes.push(Scene::Browser(body)),
            _ => {}
        }
    }
    scenes
}

fn step(line: String) -> Step {
    if let Some(command) = line.strip_prefix("$ ") {
        Step::Run(command.to_owned())
    } else if let Some(typed) = line.strip_prefix("> ") {
        Step::Type(typed.to_owned())
    } else {
        match &*line {
            "^C" => Step::Interrupt,
            "..." => Step::Anything,
            _ => Step::Expect(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_block_by_block() {
        let page = "# Page\n```sh\n$ not run\n```\n```console one\n$ nc\n> typed\nshown\n...\n^C\n```\n\n```js\nsocket.close();\n```\n";
        assert_eq!(
            scenes(page),
            [
                Scene::Terminal(
                    Some("one".to_owned()),
                    vec![
                        (6, Step::Run("nc".to_owned())),
                        (7, Step::Type("typed".to_owned())),
                        (8, Step::Expect("shown".to_owned())),
                        (9, Step::Anything),
                        (10, Step::Interrupt),
                    ]
                ),
                Scene::Browser(vec![(14, "socket.close();".to_owned())]),
            ]
        );
    }
}
