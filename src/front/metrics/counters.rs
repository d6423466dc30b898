//! Counters and histograms of the metrics, incremented as things happen.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Upper bounds of the latency histogram, s: from a cached read to the longest wait for a room.
const LATENCY_BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// Counters; clones share them.
#[derive(Debug, Clone)]
pub struct Counters {
    rtmp_connections: Gauge,
    rtmp_accepted: Counter,
    rtmp_refusals: Family<Refusal, Counter>,
    http_requests: Family<HttpRequest, Counter>,
    http_seconds: Family<Route, Histogram, fn() -> Histogram>,
    http_streams: Gauge,
    webrtc_sessions: Family<Part, Gauge>,
    webrtc_refusals: Family<Refusal, Counter>,
    webrtc_ends: Family<Refusal, Counter>,
    webrtc_noise: Counter,
    webrtc_overruns: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

/// A kind of answered HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpRequest {
    /// The method, one of a fixed few.
    pub method: &'static str,
    /// The route as the router knows it, never the path that the client sent.
    pub route: String,
    pub status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    role: &'static str,
}

/// A gauge of open connections, decremented when this guard is dropped.
#[derive(Debug)]
pub struct Connection(Gauge);

impl Connection {
    fn open(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            rtmp_connections: Gauge::default(),
            rtmp_accepted: Counter::default(),
            rtmp_refusals: Family::default(),
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            http_streams: Gauge::default(),
            webrtc_sessions: Family::default(),
            webrtc_refusals: Family::default(),
            webrtc_ends: Family::default(),
            webrtc_noise: Counter::default(),
            webrtc_overruns: Counter::default(),
        }
    }
}

impl Counters {
    /// Counts an RTMP connection as accepted now and open until the guard is dropped.
    pub fn rtmp_connected(&self) -> Connection {
        self.rtmp_accepted.inc();
        Connection::open(&self.rtmp_connections)
    }

    /// Counts a refused RTMP peer. Reasons are few and fixed, such as `wrong-key`, `no-room`, `protocol`.
    pub fn rtmp_refused(&self, reason: &'static str) {
        self.rtmp_refusals.get_or_create(&Refusal { reason }).inc();
    }

    /// Counts an answered HTTP request.
    pub fn http_answered(&self, request: HttpRequest, took: Duration) {
        let route = Route { route: request.route.clone() };
        self.http_seconds.get_or_create(&route).observe(took.as_secs_f64());
        self.http_requests.get_or_create(&request).inc();
    }

    /// Counts an event stream as open until the guard is dropped.
    pub fn http_stream_opened(&self) -> Connection {
        Connection::open(&self.http_streams)
    }

    /// Counts a WebRTC session as open until the guard is dropped. Roles are few and fixed, such as `publish` and
    /// `watch`.
    pub fn webrtc_opened(&self, role: &'static str) -> Connection {
        Connection::open(&self.webrtc_sessions.get_or_create(&Part { role }))
    }

    /// Counts a refused WebRTC client. Reasons are few and fixed.
    pub fn webrtc_refused(&self, reason: &'static str) {
        self.webrtc_refusals.get_or_create(&Refusal { reason }).inc();
    }

    /// Counts the end of a WebRTC session. Reasons are few and fixed.
    pub fn webrtc_ended(&self, reason: &'static str) {
        self.webrtc_ends.get_or_create(&Refusal { reason }).inc();
    }

    /// Counts a datagram that no session awaits.
    pub fn webrtc_noise(&self) {
        self.webrtc_noise.inc();
    }

    /// Counts a datagram that was lost here because a queue of its session, inward or outward, was full.
    pub fn webrtc_overrun(&self) {
        self.webrtc_overruns.inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("rtmp_connections", "RTMP connections open now", self.rtmp_connections.clone());
        registry.register("rtmp_accepted", "RTMP connections accepted", self.rtmp_accepted.clone());
        registry.register("rtmp_refusals", "RTMP peers turned away", self.rtmp_refusals.clone());
        registry.register("webrtc_sessions", "WebRTC sessions open now", self.webrtc_sessions.clone());
        registry.register("webrtc_refusals", "WebRTC clients turned away", self.webrtc_refusals.clone());
        registry.register("webrtc_ends", "WebRTC sessions that ended", self.webrtc_ends.clone());
        registry.register(
            "webrtc_noise",
            "Datagrams on the WebRTC port that no session awaits",
            self.webrtc_noise.clone(),
        );
        let overruns = self.webrtc_overruns.clone();
        registry.register("webrtc_overruns", "Datagrams lost because a session or its way out was full", overruns);
        registry.register("http_requests", "HTTP requests answered", self.http_requests.clone());
        let seconds = self.http_seconds.clone();
        registry.register_with_unit("http_request", "Time to the head of the answer", Unit::Seconds, seconds);
        registry.register("http_event_streams", "Event streams open now", self.http_streams.clone());
    }
}
