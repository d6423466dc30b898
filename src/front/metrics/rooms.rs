//! Room metrics: the state of rooms, workers, programs and outputs at each scrape.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::Registry,
};

use crate::front::model::status::{MediaState, OutputState, OutputStatus, RoomView};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InRoom {
    room: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Participants {
    room: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToOutput {
    room: String,
    output: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutputIn {
    room: String,
    output: String,
    state: &'static str,
}

fn media(state: MediaState) -> &'static str {
    match state {
        MediaState::Absent => "absent",
        MediaState::Lost => "lost",
        MediaState::Joining => "joining",
        MediaState::Live => "live",
        MediaState::Stalled => "stalled",
    }
}

fn output(state: OutputState) -> &'static str {
    match state {
        OutputState::Idle => "idle",
        OutputState::Connecting => "connecting",
        OutputState::Live => "live",
        OutputState::Waiting => "waiting",
    }
}

/// Gauges and counters of one scrape. Counters are set once, from the rooms' own counts.
#[derive(Debug, Default)]
struct Scrape {
    participants: Family<Participants, Gauge>,
    frames: Family<InRoom, Counter>,
    missed: Family<InRoom, Counter>,
    readers: Family<InRoom, Gauge>,
    worker_started: Family<InRoom, Counter>,
    worker_cpu: Family<InRoom, Counter<f64, std::sync::atomic::AtomicU64>>,
    worker_rss: Family<InRoom, Gauge>,
    compose: Family<InRoom, Gauge<f64, std::sync::atomic::AtomicU64>>,
    encode: Family<InRoom, Gauge<f64, std::sync::atomic::AtomicU64>>,
    output_state: Family<OutputIn, Gauge>,
    output_bytes: Family<ToOutput, Counter>,
    output_dropped: Family<ToOutput, Counter>,
    output_connects: Family<ToOutput, Counter>,
}

impl Scrape {
    fn add(&self, view: &RoomView) {
        let at = InRoom { room: view.id.to_string() };
        let status = &view.status;
        for state in [MediaState::Absent, MediaState::Joining, MediaState::Live, MediaState::Stalled] {
            let count = status.participants.values().filter(|who| who.state == state).count();
            let label = Participants { room: at.room.clone(), state: media(state) };
            self.participants.get_or_create(&label).set(signed(count));
        }
        self.frames.get_or_create(&at).inc_by(status.program.frames);
        self.missed.get_or_create(&at).inc_by(status.program.missed);
        self.readers.get_or_create(&at).set(signed(status.program.readers));
        self.compose.get_or_create(&at).set(f64::from(status.program.compose_us) / 1e6);
        self.encode.get_or_create(&at).set(f64::from(status.program.encode_us) / 1e6);
        self.worker_started.get_or_create(&at).inc_by(status.worker.started);
        self.worker_cpu.get_or_create(&at).inc_by(status.worker.cpu_ms as f64 / 1000.0);
        self.worker_rss.get_or_create(&at).set(i64::try_from(status.worker.rss_kib * 1024).unwrap_or(i64::MAX));
        for (id, target) in &status.outputs {
            self.add_output(&at.room, id.as_str(), target);
        }
    }

    fn add_output(&self, room: &str, id: &str, target: &OutputStatus) {
        for state in [OutputState::Idle, OutputState::Connecting, OutputState::Live, OutputState::Waiting] {
            let label = OutputIn { room: room.to_owned(), output: id.to_owned(), state: output(state) };
            self.output_state.get_or_create(&label).set(i64::from(target.state == state));
        }
        let at = ToOutput { room: room.to_owned(), output: id.to_owned() };
        self.output_bytes.get_or_create(&at).inc_by(target.sent_bytes);
        self.output_dropped.get_or_create(&at).inc_by(target.dropped_packets);
        self.output_connects.get_or_create(&at).inc_by(target.connects);
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn register(views: &[RoomView], registry: &mut Registry) {
    let scrape = Scrape::default();
    views.iter().for_each(|view| scrape.add(view));
    let started: u64 = views.iter().map(|view| view.status.worker.started).sum();
    let replaced: u64 = views.iter().map(|view| view.status.worker.started.saturating_sub(1)).sum();
    registry.register("rooms", "Rooms", ConstGauge::new(signed(views.len())));
    registry.register("workers_started", "Workers started for the present rooms", ConstCounter::new(started));
    registry.register("workers_replaced", "Workers replaced in the present rooms", ConstCounter::new(replaced));
    registry.register("participants", "Participants by the state of their media", scrape.participants);
    registry.register("program_frames", "Frames composed by the present worker", scrape.frames);
    registry.register("program_missed", "Ticks that the present worker missed", scrape.missed);
    registry.register("program_readers", "People and outputs reading the program", scrape.readers);
    registry.register("program_compose_seconds", "Median time from tick to composed frame", scrape.compose);
    registry.register("program_encode_seconds", "Median time from composed to encoded frame", scrape.encode);
    registry.register("worker_started", "Workers started for the room", scrape.worker_started);
    registry.register("worker_cpu_seconds", "CPU time of the present worker", scrape.worker_cpu);
    registry.register("worker_resident_memory_bytes", "Memory of the present worker", scrape.worker_rss);
    registry.register("output_state", "1 for the state that the output is in", scrape.output_state);
    registry.register("output_sent_bytes", "Bytes of media sent", scrape.output_bytes);
    registry.register("output_dropped_packets", "Packets lost because the target was slow", scrape.output_dropped);
    registry.register("output_connects", "Times a connection was opened", scrape.output_connects);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::{
        base::{OutputId, ParticipantId, RoomId},
        front::model::{
            RoomDocument,
            status::{ParticipantStatus, ProgramStatus, RoomStatus, WorkerStatus},
        },
    };

    fn view() -> RoomView {
        let alice = ParticipantId::try_from("alice".to_owned()).expect("an id");
        let srs = OutputId::try_from("srs".to_owned()).expect("an id");
        let live = ParticipantStatus { state: MediaState::Live, ..ParticipantStatus::default() };
        let output = OutputStatus { state: OutputState::Waiting, sent_bytes: 77, ..OutputStatus::default() };
        let status = RoomStatus {
            worker: WorkerStatus { started: 3, cpu_ms: 1500, ..WorkerStatus::default() },
            participants: BTreeMap::from([(alice, live)]),
            floor: None,
            floor_held: false,
            scene: Vec::new(),
            outputs: BTreeMap::from([(srs, output)]),
            program: ProgramStatus { frames: 900, missed: 1, ..ProgramStatus::default() },
            unsaved: false,
        };
        let id = RoomId::try_from("weekly".to_owned()).expect("an id");
        RoomView { id, document: RoomDocument::default(), status }
    }

    #[test]
    fn a_room_is_told_whole() {
        let mut registry = Registry::default();
        register(&[view()], &mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writes");
        for line in [
            "rooms 1",
            "workers_replaced_total 2",
            "participants{room=\"weekly\",state=\"live\"} 1",
            "participants{room=\"weekly\",state=\"absent\"} 0",
            "program_frames_total{room=\"weekly\"} 900",
            "worker_cpu_seconds_total{room=\"weekly\"} 1.5",
            "output_state{room=\"weekly\",output=\"srs\",state=\"waiting\"} 1",
            "output_state{room=\"weekly\",output=\"srs\",state=\"live\"} 0",
            "output_sent_bytes_total{room=\"weekly\",output=\"srs\"} 77",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
