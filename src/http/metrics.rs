//! Figures in the text format of Prometheus.
//! See <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use madang_storage::Readiness;

use super::Settings;
use super::health::status_of;

/// The classes of statuses that are counted.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The upper ends of the classes of durations, in milliseconds.
const UP_TO_MS: [u64; 7] = [1, 5, 25, 100, 500, 2_500, 10_000];

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The metric's name, in Prometheus's spelling.
    pub name: &'static str,
    /// What it is, as a sentence without its full stop.
    pub help: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// How much it is now.
    pub value: u64,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up and down.
    Gauge,
    /// Only up, from the start of the process.
    Counter,
}

/// The requests that were answered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_class: [AtomicU64; CLASSES.len()],
    /// By duration; the last one counts what took longer than all.
    by_duration: [AtomicU64; UP_TO_MS.len() + 1],
    total_micros: AtomicU64,
}

impl Requests {
    pub(super) fn count(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        let place = UP_TO_MS
            .iter()
            .position(|limit| took <= Duration::from_millis(*limit));
        self.by_duration[place.unwrap_or(UP_TO_MS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String) {
        let name = "madang_http_requests_total";
        head(text, name, "Answered requests by class of status", "counter");
        for (class, count) in CLASSES.iter().zip(&self.by_class) {
            line(
                text,
                format_args!("{name}{{class=\"{class}\"}} {}", count.load(Ordering::Relaxed)),
            );
        }
        let name = "madang_http_request_duration_seconds";
        head(text, name, "How long requests took", "histogram");
        let mut total = 0;
        for (place, count) in self.by_duration.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            match UP_TO_MS.get(place) {
                Some(limit) => {
                    let seconds = Duration::from_millis(*limit).as_secs_f64();
                    line(text, format_args!("{name}_bucket{{le=\"{seconds}\"}} {total}"));
                }
                None => line(text, format_args!("{name}_bucket{{le=\"+Inf\"}} {total}")),
            }
        }
        let seconds = Duration::from_micros(self.total_micros.load(Ordering::Relaxed)).as_secs_f64();
        line(text, format_args!("{name}_sum {seconds}"));
        line(text, format_args!("{name}_count {total}"));
    }
}

/// Everything that can be told in numbers.
pub(super) async fn metrics(State((settings, requests)): State<(Arc<Settings>, Arc<Requests>)>) -> Response {
    let status = status_of(&settings.store).await;
    let gauge = |name, help, value| Figure {
        name,
        help,
        kind: Kind::Gauge,
        value,
    };
    let is_ready = u64::from(status.readiness == Readiness::Ready);
    let mut figures = vec![
        gauge(
            "madang_store_ready",
            "Whether the store reads and writes",
            is_ready,
        ),
        gauge(
            "madang_store_logical_bytes",
            "Bytes of keys and values",
            status.space.logical_bytes,
        ),
        gauge(
            "madang_store_file_bytes",
            "Bytes of the store's files",
            status.space.file_bytes,
        ),
        gauge(
            "madang_store_free_bytes",
            "Bytes that are free on the disk",
            status.space.free_bytes,
        ),
    ];
    figures.extend((settings.figures)());
    let mut text = String::new();
    for figure in figures {
        let kind = match figure.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        head(&mut text, figure.name, figure.help, kind);
        line(&mut text, format_args!("{} {}", figure.name, figure.value));
    }
    requests.write(&mut text);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    line(text, format_args!("# HELP {name} {help}.\n# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}
