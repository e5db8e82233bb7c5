//! `status`: which engine this node stands on, and what a lock or a write is worth there.

use hyrax_coordination::Status;

use super::conversation::Problem;
use super::encode::{write_string, write_unsigned};
use super::envelope::Envelope;
use crate::session::Session;

/// `status`.
pub async fn tell(session: &Session, envelope: &Envelope, out: &mut Vec<u8>) -> Result<(), Problem> {
    let core = session.core.clone();
    let status = core.coordination.status().await.map_err(|error| error.to_string())?;
    envelope.reply(out, |out| write(&core.node_name, &status, out));
    Ok(())
}

fn write(node_name: &str, status: &Status, out: &mut Vec<u8>) {
    let promises = status.promises;
    out.extend_from_slice(b"{\"node\":");
    write_string(node_name, out);
    out.extend_from_slice(b",\"coordination\":{\"engine\":");
    write_string(&status.engine, out);
    out.extend_from_slice(b",\"revision\":");
    write_unsigned(status.revision.0, out);
    for (name, kept) in [("linearizable", promises.linearizable), ("durable", promises.durable)] {
        out.extend_from_slice(format!(",\"{name}\":{kept}").as_bytes());
    }
    out.extend_from_slice(b",\"fencing\":");
    write_string(&promises.fencing.to_string(), out);
    out.extend_from_slice(b"}}");
}
