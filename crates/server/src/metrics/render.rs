//! The counters as Prometheus' text format, version 0.0.4.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write};

use super::shard::{BUCKETS, CommandSum, Counter, bucket_bound};
use super::{Door, Gauges, Metrics, process};

/// A text that samples are added to, each family of them headed by what it means.
struct Exposition {
    text: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.text.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.text.push_str(if at == 0 { "{" } else { "," });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(&value.to_string(), &mut self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.line(format_args!(" {value}"));
    }

    /// A family of one sample without labels.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }
}

/// A label's value as the format wants it.
fn escape(value: &str, into: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            _ => into.push(char),
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

impl Metrics {
    /// Everything counted, and the gauges given, as Prometheus' text format. A command that was never
    /// run is left out.
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut out = Exposition { text: String::with_capacity(16 * 1024) };
        out.family("hyrax_build_info", "gauge", "The version that runs.");
        out.sample("hyrax_build_info", &[("version", &env!("CARGO_PKG_VERSION"))], 1);
        self.render_commands(&mut out);
        self.render_connections(&mut out);
        self.render_traffic(&mut out);
        render_gauges(&mut out, gauges);
        out.text
    }

    fn render_commands(&self, out: &mut Exposition) {
        let sums: Vec<(&str, CommandSum)> = self
            .command_names
            .iter()
            .enumerate()
            .map(|(index, &name)| {
                let mut sum = CommandSum::default();
                self.shards().for_each(|shard| shard.add_command_to(index, &mut sum));
                (name, sum)
            })
            .filter(|(_, sum)| sum.runs() > 0)
            .collect();
        let name = "hyrax_commands_total";
        out.family(name, "counter", "Commands run, by name and by whether they were answered with an error.");
        for (command, sum) in &sums {
            let ok = sum.runs().saturating_sub(sum.errors);
            out.sample(name, &[("command", command), ("result", &"ok")], ok);
            out.sample(name, &[("command", command), ("result", &"error")], sum.errors);
        }
        let name = "hyrax_command_duration_seconds";
        out.family(name, "histogram", "How long commands ran, by name.");
        for (command, sum) in &sums {
            render_histogram(out, name, command, sum);
        }
    }

    fn render_connections(&self, out: &mut Exposition) {
        let mut of_doors = [(0, 0); Door::ALL.len()];
        for shard in self.shards() {
            for (sum, door) in of_doors.iter_mut().zip(Door::ALL) {
                let (opened, closed) = shard.connections(door);
                *sum = (sum.0 + opened, sum.1 + closed);
            }
        }
        let of_doors = || of_doors.iter().zip(Door::ALL.map(Door::name));
        let name = "hyrax_connections";
        out.family(name, "gauge", "Open connections, by door.");
        for ((opened, closed), door) in of_doors() {
            out.sample(name, &[("door", &door)], opened.saturating_sub(*closed));
        }
        let name = "hyrax_connections_opened_total";
        out.family(name, "counter", "Connections opened, by door.");
        for ((opened, _), door) in of_doors() {
            out.sample(name, &[("door", &door)], opened);
        }
        out.single(
            "hyrax_connections_refused_total",
            "counter",
            "Connections refused, as there were as many as allowed.",
            self.total(Counter::ConnectionsRefused),
        );
    }

    fn render_traffic(&self, out: &mut Exposition) {
        let name = "hyrax_pushes_total";
        out.family(
            name,
            "counter",
            "Pushes to monitors, by outcome: sent, folded into a reset, dropped with the client.",
        );
        for (outcome, counter) in [
            ("sent", Counter::PushesSent),
            ("folded", Counter::PushesFolded),
            ("dropped", Counter::PushesDropped),
        ] {
            out.sample(name, &[("outcome", &outcome)], self.total(counter));
        }
        for (name, help, counter) in [
            ("hyrax_received_bytes_total", "Bytes read from clients.", Counter::BytesReceived),
            ("hyrax_sent_bytes_total", "Bytes written to clients.", Counter::BytesSent),
        ] {
            out.single(name, "counter", help, self.total(counter));
        }
    }

    fn total(&self, counter: Counter) -> u64 {
        self.shards().map(|shard| shard.total(counter)).sum()
    }
}

impl CommandSum {
    fn runs(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

fn render_histogram(out: &mut Exposition, name: &str, command: &str, sum: &CommandSum) {
    let bucket_name = format!("{name}_bucket");
    let mut runs = 0;
    for (bucket, count) in sum.buckets.iter().enumerate().take(BUCKETS) {
        runs += count;
        let bound: &dyn Display = match bucket_bound(bucket) {
            Some(bound) => &seconds(bound),
            None => &"+Inf",
        };
        out.sample(&bucket_name, &[("command", &command), ("le", bound)], runs);
    }
    out.sample(&format!("{name}_sum"), &[("command", &command)], seconds(sum.nanoseconds));
    out.sample(&format!("{name}_count"), &[("command", &command)], runs);
}

fn render_gauges(out: &mut Exposition, gauges: &Gauges) {
    for (name, help, value) in [
        ("hyrax_monitors", "Keys and prefixes monitored, over all sessions.", gauges.monitors),
        ("hyrax_ekg_entries", "EKG entries held, over all sessions.", gauges.ekg_entries),
        ("hyrax_queue_bytes", "Bytes queued to clients that have not read them.", gauges.queue_bytes),
        ("hyrax_keys", "Live keys kept by this node.", gauges.keys),
    ] {
        out.single(name, "gauge", help, value);
    }
    let (name, help) = ("hyrax_used_memory_bytes", "Memory allocated, which maxmemory limits.");
    out.single(name, "gauge", help, gauges.used_bytes);
    let (name, help) = ("hyrax_evicted_keys_total", "Keys evicted because memory was full.");
    out.single(name, "counter", help, gauges.evicted);
    if let Some(storage) = &gauges.storage {
        let (name, help) =
            ("hyrax_storage_bytes", "Bytes that coordination takes, on disk where there is one.");
        out.single(name, "gauge", help, storage.bytes);
        let (name, help) = ("hyrax_storage_full", "Whether the disk is full, so that writes are refused.");
        out.single(name, "gauge", help, u64::from(storage.is_full));
        let (name, help) =
            ("hyrax_storage_broken", "Whether the disk failed, so that writes are refused for good.");
        out.single(name, "gauge", help, u64::from(storage.is_broken));
    }
    if let Some(usage) = process::usage() {
        let (name, help) = ("process_resident_memory_bytes", "Resident memory.");
        out.single(name, "gauge", help, usage.resident_bytes);
        let (name, help) = ("process_cpu_seconds_total", "User and system processor time.");
        out.single(name, "counter", help, (usage.user_time + usage.system_time).as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_escaped() {
        let mut out = Exposition { text: String::new() };
        out.sample("a", &[("b", &"c\\d\"e\nf"), ("g", &"")], 1.5);
        assert_eq!(out.text, "a{b=\"c\\\\d\\\"e\\nf\",g=\"\"} 1.5\n");
    }
}
