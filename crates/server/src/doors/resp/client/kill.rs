//! `CLIENT KILL`.

use super::super::dialogue::{Conversation, Flow};
use super::list::{ClientType, local_address_of, user_of};
use crate::Card;
use hyrax_values::{Error, ReplySink, parse_integer};

/// Which clients are meant.
#[derive(Default)]
struct Wanted<'a> {
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    client_type: Option<ClientType>,
    user: Option<&'a [u8]>,
    id: Option<u64>,
    skips_me: bool,
}

impl Wanted<'_> {
    fn has(&self, card: &Card) -> bool {
        self.address.is_none_or(|address| card.peer.address.to_string().as_bytes() == address)
            && self.local_address.is_none_or(|address| local_address_of(card).as_bytes() == address)
            && self.client_type.is_none_or(|wanted| wanted == ClientType::of(card))
            && self.user.is_none_or(|user| user_of(card).as_bytes() == user)
            && self.id.is_none_or(|id| card.id.0 == id)
    }
}

/// `CLIENT KILL address`, or with options.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let is_old_form = argv.len() == 3;
    let wanted = if is_old_form {
        Wanted { address: Some(argv[2]), ..Wanted::default() }
    } else {
        read_options(conversation, &argv[2..])?
    };
    let me = conversation.session.id;
    let mut killed = 0;
    let mut closes = false;
    for card in conversation.session.core.sessions() {
        if !wanted.has(&card) || (card.id == me && wanted.skips_me) {
            continue;
        }
        killed += 1;
        if card.id == me {
            // Once it has been answered.
            closes = true;
        } else {
            card.kick();
        }
    }
    let mut reply = conversation.reply(out);
    match (is_old_form, killed) {
        (true, 0) => return Err(Error::text("ERR No such client")),
        (true, _) => reply.status("OK"),
        (false, killed) => reply.integer(killed),
    }
    Ok(if closes { Flow::Close } else { Flow::Done })
}

fn read_options<'a>(conversation: &Conversation, options: &[&'a [u8]]) -> Result<Wanted<'a>, Error> {
    let mut wanted = Wanted { skips_me: true, ..Wanted::default() };
    for option in options.chunks(2) {
        let &[option, value] = option else { return Err(Error::Syntax) };
        match &option.to_ascii_lowercase()[..] {
            b"id" => {
                let id = parse_integer(value).filter(|&id| id > 0);
                let refused = Error::text("ERR client-id should be greater than 0");
                wanted.id = Some(id.ok_or(refused)?.unsigned_abs());
            }
            b"type" => wanted.client_type = Some(ClientType::named(value)?),
            b"addr" => wanted.address = Some(value),
            b"laddr" => wanted.local_address = Some(value),
            b"user" => {
                if !conversation.session.core.authorizer.has_user(value) {
                    let user = String::from_utf8_lossy(value);
                    return Err(Error::Other(format!("ERR No such user '{user}'").into()));
                }
                wanted.user = Some(value);
            }
            b"skipme" => match &value.to_ascii_lowercase()[..] {
                b"yes" => wanted.skips_me = true,
                b"no" => wanted.skips_me = false,
                _ => return Err(Error::Syntax),
            },
            _ => return Err(Error::Syntax),
        }
    }
    Ok(wanted)
}
