//! The room on a terminal's screen.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, List, Paragraph};
use serde_json::Value;

use super::room::Room;
use crate::address::Address;

/// Between two looks at the keyboard, and so at most between two pictures.
const TICK: Duration = Duration::from_millis(50);

/// Shows the room until somebody presses `q`, the time is up or the server ends.
pub fn play(
    mut room: Room,
    pushes: &Receiver<Value>,
    until: Option<Instant>,
    address: &Address,
) -> Result<()> {
    let mut terminal = ratatui::try_init().context("cannot take over the terminal; try --plain")?;
    let played = (|| loop {
        terminal.draw(|frame| draw(frame, &room, address))?;
        if asked_to_end()? || until.is_some_and(|until| Instant::now() >= until) {
            return Ok(());
        }
        loop {
            match pushes.try_recv() {
                Ok(push) => room.apply(&push),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            };
        }
    })();
    ratatui::restore();
    played
}

/// Waits a tick for a key, and tells whether it was one that ends.
fn asked_to_end() -> Result<bool> {
    if !event::poll(TICK)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupt = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    Ok(interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn draw(frame: &mut Frame<'_>, room: &Room, address: &Address) {
    let [body, footer] = Layout::vertical([Constraint::Fill(1), Constraint::Length(4)]).areas(frame.area());
    let [left, right] = Layout::horizontal([Constraint::Length(24), Constraint::Fill(1)]).areas(body);
    let [above, below] = Layout::vertical([Constraint::Length(5), Constraint::Fill(1)]).areas(right);

    let members = room.members();
    let here = format!(" {} here ", members.len());
    let members = List::new(members.map(|name| Line::from(format!("● {name}")).green()));
    frame.render_widget(members.block(Block::bordered().title(here)), left);

    let values =
        room.values().map(|(key, value)| Line::from(vec![format!("{key:<12} ").dim(), value.bold()]));
    frame.render_widget(List::new(values).block(Block::bordered().title(" live keys ")), above);

    let happened = room.happened().map(Line::from);
    frame.render_widget(List::new(happened).block(Block::bordered().title(" pushed ")), below);

    let hints = vec![
        Line::from(format!("join:   hyrax ekg join --url {address} room YOU")),
        Line::from(format!("change: hyrax cmd --url {address} --id YOU set room:topic hello")),
    ];
    let block = Block::bordered().title(" from another terminal ").title_bottom(" q ends ");
    frame.render_widget(Paragraph::new(hints).block(block).style(Style::new().dim()), footer);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_screen_shows_who_is_there_and_what_happened() {
        let mut room = Room::default();
        room.apply(&json!({"cmd":"eadd","key":"room","id":"ann"}));
        room.apply(&json!({"cmd":"set","key":"room:topic","args":["tea"],"id":"ann"}));
        let mut terminal = Terminal::new(TestBackend::new(90, 24)).unwrap();
        let address = Address::Tcp("127.0.0.1:4001".to_owned());
        terminal.draw(|frame| draw(frame, &room, &address)).unwrap();
        let screen = terminal.backend().to_string();
        for part in ["1 here", "● ann", "room:topic", "ann sets room:topic to tea", "--url 127.0.0.1:4001"]
        {
            assert!(screen.contains(part), "{screen}\nlacks {part}");
        }
    }
}
