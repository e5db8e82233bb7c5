//! A browser's console, as far as the examples use it: one WebSocket, opened, sent to and closed.
//!
//! The lines of JavaScript are not run but read: what they send is sent, and what the comment beside them
//! shows must come back. Nothing here opens a socket.

/// What a line of the example does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Opens the WebSocket.
    Open,
    /// Sends a message, and shows the next that comes, if any.
    Send(&'a str, Option<&'a str>),
    /// Closes the WebSocket.
    Close,
}

/// What a line of JavaScript does; none where it only holds the others together.
pub(super) fn action(line: &str) -> Option<Action<'_>> {
    if line.contains("new WebSocket(") {
        return Some(Action::Open);
    }
    if line.contains("socket.close()") {
        return Some(Action::Close);
    }
    let (message, rest) = line.split_once("socket.send('")?.1.split_once("')")?;
    Some(Action::Send(message, rest.split_once("// ").map(|(_, shown)| shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_javascript_are_told_apart() {
        assert_eq!(
            action("const socket = new WebSocket(\"ws://127.0.0.1:2379/hyrax\");"),
            Some(Action::Open)
        );
        assert_eq!(action("  socket.send('{}');  // {\"a\":1}"), Some(Action::Send("{}", Some("{\"a\":1}"))));
        assert_eq!(action("socket.send('{}');"), Some(Action::Send("{}", None)));
        assert_eq!(action("socket.close();"), Some(Action::Close));
        assert_eq!(action("};"), None);
    }
}
