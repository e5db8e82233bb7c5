//! How events are written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hyrax_coordination::Value;
use hyrax_types::limits::SERVICE_EVENT_RECORD_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Audience, EmitError, Event};
use crate::services::ServiceName;

/// One event as it is kept.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    event_body: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    broadcast: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    services: Vec<String>,
}

// As serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn record_of(event: &Event) -> Record<'_> {
    let (broadcast, services) = match &event.to {
        Audience::Everybody => (true, Vec::new()),
        Audience::Services(services) => (false, services.iter().map(ServiceName::to_string).collect()),
    };
    let (event_type, event_body) = (event.event_type.as_str().into(), event.event_body.as_str().into());
    Record { event_type, event_body, broadcast, services }
}

/// The values that these events are written as, as few as hold them.
pub(super) fn values_of(events: &[Event]) -> Result<Vec<Value>, EmitError> {
    let mut values = Vec::new();
    let mut pending = Vec::new();
    for event in events {
        // Text and flags are always JSON.
        let record = serde_json::to_vec(&record_of(event)).map_err(|_| EmitError::TooLarge)?;
        if record.len() + 2 > SERVICE_EVENT_RECORD_BYTES_MAX {
            return Err(EmitError::TooLarge);
        }
        if !pending.is_empty() && pending.len() + record.len() + 2 > SERVICE_EVENT_RECORD_BYTES_MAX {
            pending.push(b']');
            values.push(std::mem::take(&mut pending).into());
        }
        pending.push(if pending.is_empty() { b'[' } else { b',' });
        pending.extend_from_slice(&record);
    }
    if !pending.is_empty() {
        pending.push(b']');
        values.push(pending.into());
    }
    Ok(values)
}

/// The events that a value holds, without those that can not be understood.
pub(super) fn events_of(value: &[u8]) -> Vec<Event> {
    let Ok(records) = serde_json::from_slice::<Vec<&RawValue>>(value) else {
        return Vec::new();
    };
    let records =
        records.into_iter().filter_map(|record| serde_json::from_str::<Record<'_>>(record.get()).ok());
    records.map(event_of).filter(|event| event.check().is_ok()).collect()
}

fn event_of(record: Record<'_>) -> Event {
    let names = record.services.iter().filter_map(|name| ServiceName::new(name).ok());
    let to = if record.broadcast {
        Audience::Everybody
    } else {
        Audience::Services(names.collect::<BTreeSet<_>>())
    };
    Event { event_type: record.event_type.into_owned(), event_body: record.event_body.into_owned(), to }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn to(services: &[&str]) -> Audience {
        Audience::Services(services.iter().map(|name| ServiceName::new(name).unwrap()).collect())
    }

    fn event(event_body: &str, to: Audience) -> Event {
        Event { event_type: "deploy".into(), event_body: event_body.into(), to }
    }

    #[test]
    fn the_layout_is_stable() {
        let events = [event("{\"v\":2}", to(&["b", "a"])), event("", Audience::Everybody)];
        let values = values_of(&events).unwrap();
        let expected = concat!(
            r#"[{"event_type":"deploy","event_body":"{\"v\":2}","services":["a","b"]},"#,
            r#"{"event_type":"deploy","event_body":"","broadcast":true}]"#
        );
        assert_eq!(values, [expected]);
        assert_eq!(events_of(&values[0]), events);
    }

    #[test]
    fn what_can_not_be_understood_is_passed_over() {
        let mixed = r#"[1,{"event_type":"","event_body":"","broadcast":true},{"event_type":"x"},
            {"event_type":"x","event_body":"y","services":["a/b"]},
            {"event_type":"x","event_body":"y","services":["a/b","c"],"more":1}]"#;
        let expected = Event { event_type: "x".into(), event_body: "y".into(), to: to(&["c"]) };
        assert_eq!(events_of(mixed.as_bytes()), [expected]);
        for value in ["", "{}", "null", "[", "\u{0}"] {
            assert_eq!(events_of(value.as_bytes()), [], "{value}");
        }
    }

    #[test]
    fn a_batch_is_cut_where_a_record_is_full() {
        let large = "x".repeat(SERVICE_EVENT_RECORD_BYTES_MAX / 3);
        let events: Vec<_> = (0..5).map(|_| event(&large, Audience::Everybody)).collect();
        let values = values_of(&events).unwrap();
        assert_eq!(values.len(), 3);
        assert!(values.iter().all(|value| value.len() <= SERVICE_EVENT_RECORD_BYTES_MAX));
        let back: Vec<_> = values.iter().flat_map(|value| events_of(value)).collect();
        assert_eq!(back, events);
        let escaped = "\u{1}".repeat(SERVICE_EVENT_RECORD_BYTES_MAX / 4);
        assert_eq!(values_of(&[event(&escaped, Audience::Everybody)]), Err(EmitError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_event_reads_back(event_type in ".{1,20}", event_body in ".{0,60}", broadcast: bool) {
            let to = if broadcast { Audience::Everybody } else { to(&["engine", "ui"]) };
            let event = Event { event_type, event_body, to };
            let values = values_of(std::slice::from_ref(&event)).unwrap();
            prop_assert_eq!(events_of(&values[0]), [event]);
        }
    }
}
