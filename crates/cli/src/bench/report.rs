//! What was found, as a table or as JSON.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use super::case::{Case, Grouped};
use super::groups::HEARTBEAT;
use super::measure::Measurement;

/// Everything that was found.
pub struct Report {
    /// The names of the targets.
    pub targets: Vec<String>,
    /// How often each case was put to each target.
    pub runs: usize,
    /// The cases.
    pub rows: Vec<Row>,
}

/// One case: the runs of every target, in the order of the targets.
pub struct Row {
    /// What was measured.
    pub case: Case,
    /// For each target its runs; none where it has nothing of the kind.
    pub runs: Vec<Vec<Measurement>>,
}

/// The medians of one target's runs.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    per_second: Option<f64>,
    cpu_us: Option<f64>,
    memory_bytes: Option<f64>,
    p99_ms: Option<f64>,
}

impl Figures {
    fn of(case: Case, runs: &[Measurement]) -> Figures {
        let each = |figure: fn(&Measurement) -> Option<f64>| median(runs.iter().filter_map(figure).collect());
        let of_connections = case.is_of_connections();
        Figures {
            per_second: each(|run| Some(run.operations as f64 / run.elapsed.as_secs_f64()))
                .filter(|_| !of_connections),
            cpu_us: each(|run| Some(run.cpu?.as_secs_f64() * 1e6 / run.operations.max(1) as f64)),
            p99_ms: each(|run| Some(run.p99?.as_secs_f64() * 1e3)).filter(|_| case.has_latencies()),
            memory_bytes: match of_connections {
                true => each(|run| run.bytes_per_connection),
                false => each(|run| Some(run.resident_bytes? as f64)),
            },
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

impl Report {
    /// The table, and below it what else is to be said.
    pub fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        let mut header = vec!["".to_owned()];
        let has_p99 = self.rows.iter().any(|row| row.case.has_latencies());
        for figure in ["/s", "CPU µs", "memory", "p99 ms"].into_iter().take(if has_p99 { 4 } else { 3 }) {
            header.extend(self.targets.iter().map(|target| format!("{target}\n{figure}")));
            if self.targets.len() > 1 {
                header.push(format!("ratio\n{figure}"));
            }
        }
        table.set_header(header);
        for row in &self.rows {
            table.add_row(self.cells(row, has_p99));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = format!("{table}\n");
        text.push_str("/s and CPU µs count deliveries for publish, fan-out, spread, groups, watches and waits, requests otherwise. – stands for what a server \
             has not, or what is too short for the kernel's clock.\n");
        text.push_str(&format!(
            "CPU is the server's alone. Memory is its resident size; for idle and register, per connection. Medians of {} run(s).\n",
            self.runs
        ));
        for line in self
            .starts()
            .into_iter()
            .chain(self.restarts())
            .chain(self.misses())
            .chain(self.growth())
            .chain(self.faults())
        {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn cells(&self, row: &Row, has_p99: bool) -> Vec<String> {
        let figures: Vec<Figures> = row.runs.iter().map(|runs| Figures::of(row.case, runs)).collect();
        let mut cells = vec![row.case.to_string()];
        let mut add = |figure: fn(&Figures) -> Option<f64>, show: fn(f64) -> String| {
            let dash = || "–".to_owned();
            cells.extend(figures.iter().map(|each| figure(each).map_or_else(dash, show)));
            if self.targets.len() > 1 {
                cells.push(ratio(&figures, figure).map_or_else(dash, |ratio| format!("{ratio:.2}×")));
            }
        };
        add(|figures| figures.per_second, |value| Grouped(value.round() as u64).to_string());
        add(|figures| figures.cpu_us, |value| format!("{value:.2}"));
        add(|figures| figures.memory_bytes, bytes);
        if has_p99 {
            add(|figures| figures.p99_ms, |value| format!("{value:.2}"));
        }
        cells
    }

    /// The median time from each target's start to its first answer, in milliseconds.
    fn start_ms(&self, target: usize) -> Option<f64> {
        let runs = self.rows.iter().flat_map(|row| &row.runs[target]);
        median(runs.filter_map(|run| Some(run.answered_after?.as_secs_f64() * 1e3)).collect())
    }

    fn starts(&self) -> Vec<String> {
        let line = |(at, target): (usize, &String)| {
            Some(format!("{target}: first answer {:.0} ms after its process was started", self.start_ms(at)?))
        };
        self.targets.iter().enumerate().filter_map(line).collect()
    }

    /// The median time from each target's start with all that a case had made it hold to its first answer.
    fn restarts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            for (at, target) in self.targets.iter().enumerate() {
                if let Some(restart_ms) = restart_ms(row, at) {
                    lines.push(format!(
                        "{target}: {}: first answer {restart_ms:.0} ms after it was started again",
                        row.case
                    ));
                }
            }
        }
        lines
    }

    /// How soon one that stalls in a group was missed.
    fn misses(&self) -> Vec<String> {
        let missed = |row: &Row, at: usize, target: &String| {
            let missed_ms = missed_ms(row, at)?;
            let heartbeat_ms = HEARTBEAT.as_millis();
            let case = row.case;
            Some(format!(
                "{target}: {case}: one that stalls, with a heartbeat of {heartbeat_ms} ms, is missed after {missed_ms:.0} ms"
            ))
        };
        let of_row =
            |row| self.targets.iter().enumerate().filter_map(move |(at, target)| missed(row, at, target));
        self.rows.iter().flat_map(of_row).collect()
    }

    /// How much dearer an operation is where there is more of everything.
    fn growth(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for pair in self.rows.windows(2).filter(|pair| pair[0].case.is_resized(pair[1].case)) {
            for (at, target) in self.targets.iter().enumerate() {
                let cpu = |row: &Row| Figures::of(row.case, &row.runs[at]).cpu_us;
                if let (Some(before), Some(after)) = (cpu(&pair[0]), cpu(&pair[1])) {
                    let growth = after / before;
                    lines.push(format!(
                        "{target}: {} costs {growth:.2}× the CPU of {}",
                        pair[1].case, pair[0].case
                    ));
                }
            }
        }
        lines
    }

    /// What should not have happened: errors, deliveries lost, doubled or folded away.
    pub fn faults(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            for (target, runs) in self.targets.iter().zip(&row.runs) {
                let total = |count: fn(&Measurement) -> u64| runs.iter().map(count).sum::<u64>();
                for (count, what) in [
                    (total(|run| run.errors), "requests failed"),
                    (total(|run| run.unanswered), "requests were not answered"),
                    (total(|run| run.lost), "deliveries were lost"),
                    (total(|run| run.surplus), "deliveries too many"),
                    (total(|run| run.resets), "deliveries were folded into resets"),
                ] {
                    if count > 0 {
                        lines.push(format!("{target}: {}: {} {what}", row.case, Grouped(count)));
                    }
                }
            }
        }
        lines
    }

    /// For scripts.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let starts: Vec<_> = (0..self.targets.len()).map(|target| self.start_ms(target)).collect();
        json!({ "cpus": cpus, "runs": self.runs, "first_answer_ms": starts, "cases": rows, "faults": self.faults() })
    }

    fn row_json(&self, row: &Row) -> Value {
        let figures: Vec<Figures> = row.runs.iter().map(|runs| Figures::of(row.case, runs)).collect();
        let counted = if row.case.counts_deliveries() { "deliveries" } else { "requests" };
        let memory = if row.case.is_of_connections() { "bytes_per_connection" } else { "resident_bytes" };
        let target = |(at, (name, figures)): (usize, (&String, &Figures))| {
            json!({
                "target": name,
                "operations_per_second": figures.per_second,
                "cpu_us_per_operation": figures.cpu_us,
                memory: figures.memory_bytes,
                "p99_ms": figures.p99_ms,
                "first_answer_after_restart_ms": restart_ms(row, at),
                "missed_after_ms": missed_ms(row, at),
            })
        };
        let targets: Vec<Value> = self.targets.iter().zip(&figures).enumerate().map(target).collect();
        let mut object = json!({ "case": row.case.to_string(), "operations": counted, "targets": targets });
        if self.targets.len() > 1 {
            object["ratio"] = json!({
                "operations_per_second": ratio(&figures, |figures| figures.per_second),
                "cpu_us_per_operation": ratio(&figures, |figures| figures.cpu_us),
                memory: ratio(&figures, |figures| figures.memory_bytes),
            });
        }
        object
    }
}

fn restart_ms(row: &Row, target: usize) -> Option<f64> {
    let runs = row.runs[target].iter();
    median(runs.filter_map(|run| Some(run.restarted_after?.as_secs_f64() * 1e3)).collect())
}

fn missed_ms(row: &Row, target: usize) -> Option<f64> {
    let runs = row.runs[target].iter();
    median(runs.filter_map(|run| Some(run.missed_after?.as_secs_f64() * 1e3)).collect())
}

/// The first target's figure by the last one's.
fn ratio(figures: &[Figures], figure: fn(&Figures) -> Option<f64>) -> Option<f64> {
    let (first, last) = (figure(figures.first()?)?, figure(figures.last()?)?);
    (last != 0.0).then(|| first / last)
}

fn bytes(value: f64) -> String {
    match value {
        value if value < 1e6 => format!("{:.2} KB", value / 1e3),
        value => format!("{:.1} MB", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::plain::{Door, Plain};
    use super::*;

    fn run(operations: u64, cpu_ms: u64) -> Measurement {
        Measurement {
            operations,
            elapsed: Duration::from_secs(1),
            cpu: Some(Duration::from_millis(cpu_ms)),
            resident_bytes: Some(2_000_000),
            ..Measurement::default()
        }
    }

    fn get(keys: u64) -> Case {
        Case::Plain { command: Plain::Get, keys, pipeline: 16, door: Door::Resp }
    }

    fn report(cases: &[(Case, u64)]) -> Report {
        let row = |&(case, cpu): &(Case, u64)| Row {
            case,
            runs: vec![vec![run(1000, cpu), run(1000, 900), run(1000, 0)], vec![run(2000, 200)]],
        };
        Report {
            targets: vec!["hyrax".to_owned(), "redis".to_owned()],
            runs: 3,
            rows: cases.iter().map(row).collect(),
        }
    }

    #[test]
    fn medians_and_ratios_are_of_the_middle_run() {
        let json = report(&[(get(5), 50)]).to_json();
        let case = &json["cases"][0];
        assert_eq!(case["targets"][0]["cpu_us_per_operation"], 50.0);
        assert_eq!(case["targets"][1]["cpu_us_per_operation"], 100.0);
        assert_eq!(case["ratio"]["cpu_us_per_operation"], 0.5);
        assert_eq!(case["ratio"]["operations_per_second"], 0.5);
        assert_eq!(median(vec![1.0, 2.0]), Some(1.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_table_shows_every_figure() {
        let text = report(&[(get(1000), 50), (get(2000), 60)]).to_text();
        for part in [
            "get, 1,000 keys, pipeline 16",
            "0.50×",
            "100.00",
            "2.0 MB",
            "costs 1.20× the CPU of get, 1,000 keys",
        ] {
            assert!(text.contains(part), "{text}\nlacks {part}");
        }
    }

    #[test]
    fn what_went_wrong_is_said() {
        let mut report = report(&[(Case::FanOut { monitors: 2, in_flight: 1 }, 5)]);
        assert!(report.faults().is_empty());
        report.rows[0].runs[1][0].lost = 7;
        assert_eq!(report.faults(), ["redis: fan-out to 2, 1 in flight: 7 deliveries were lost"]);
    }

    #[test]
    fn a_target_without_the_case_shows_a_dash() {
        let mut report = report(&[(Case::Ekg { monitors: 1 }, 5)]);
        report.rows[0].runs[1].clear();
        assert!(report.to_text().contains('–'));
        assert!(report.to_json()["cases"][0]["ratio"]["cpu_us_per_operation"].is_null());
    }
}
