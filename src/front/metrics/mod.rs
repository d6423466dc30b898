//! Prometheus metrics (OpenMetrics text): counters that doors and the API increment, and gauges that are read from the
//! rooms at each scrape, so that no copy has to be kept up to date. Owns no task; stops with its last handle.

mod counters;
mod process;
mod rooms;

use prometheus_client::{encoding::text::encode, registry::Registry};

pub use counters::{Connection, Counters, HttpRequest};

use super::model::status::RoomView;

/// Content type of `GET /metrics`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole text of a scrape.
pub fn text(counters: &Counters, views: &[RoomView]) -> String {
    let mut registry = Registry::with_prefix("tilecast");
    counters.register(&mut registry);
    rooms::register(views, &mut registry);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    // The process metrics have standard names without our prefix, which every dashboard knows; so they come first.
    let mut standard = Registry::default();
    process::register(&mut standard);
    let mut whole = String::new();
    let _ = encode(&mut whole, &standard);
    let whole = whole.trim_end_matches("# EOF\n");
    format!("{whole}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_one_document_with_what_was_counted() {
        let counters = Counters::default();
        counters.rtmp_refused("wrong-key");
        counters.rtmp_refused("wrong-key");
        let open = counters.rtmp_connected();
        let request = HttpRequest { method: "GET", route: "/v1/rooms".to_owned(), status: 200 };
        counters.http_answered(request, std::time::Duration::from_millis(3));
        let scrape = text(&counters, &[]);
        for line in [
            "tilecast_rtmp_refusals_total{reason=\"wrong-key\"} 2",
            "tilecast_rtmp_connections 1",
            "tilecast_rtmp_accepted_total 1",
            "tilecast_http_requests_total{method=\"GET\",route=\"/v1/rooms\",status=\"200\"} 1",
            "tilecast_http_request_seconds_bucket{le=\"0.005\",route=\"/v1/rooms\"} 1",
            "tilecast_rooms 0",
        ] {
            assert!(scrape.lines().any(|found| found == line), "{line} is not in\n{scrape}");
        }
        assert!(scrape.contains("process_resident_memory_bytes "), "{scrape}");
        assert_eq!(scrape.matches("# EOF").count(), 1);
        drop(open);
        assert!(text(&counters, &[]).contains("tilecast_rtmp_connections 0"));
    }
}
