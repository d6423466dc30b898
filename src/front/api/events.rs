//! `/v1/rooms/{room}/events`: what happens in a room, as server-sent events (HTML Standard §9.2).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{Receiver, error::RecvError},
};
use utoipa::ToSchema;

use super::{
    body::{Asked, Names},
    problem::{Kind, Problem},
    state::{ApiState, MAX_STREAMS},
};
use crate::{
    base::RoomId,
    front::{
        metrics::Connection,
        model::{event::Event, status::RoomView},
    },
};

/// Time between comments on a quiet stream: below the 30 s after which proxies commonly give up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What to leave out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// False leaves out `levels`, which come ten a second.
    #[serde(default = "yes")]
    levels: bool,
}

fn yes() -> bool {
    true
}

/// The whole room: first on every stream, and again when this listener was too slow and missed events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename = "room")]
pub struct RoomEvent {
    /// As `GET` gives it.
    room: RoomView,
}

/// Events of the room from now on, each named by its `type`; the first, `room`, is the whole room as it is.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/events", tag = "stage",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("levels" = Option<bool>, Query, description = "False leaves out `levels`, which come ten a second"),
    ),
    responses((status = 200, content_type = "text/event-stream", body = Event,
        description = "The data of each event is one of these as JSON, or a RoomEvent"))
)]
pub async fn stream(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    Asked(query): Asked<EventsQuery>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let permit = state.0.streams.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_STREAMS} event streams are open, the most this server serves; close one first");
        Problem::new(Kind::Busy, detail).retry_after(10)
    })?;
    let events = state.rooms().events(&room).await?;
    // Taken after the subscription, so that nothing falls between the two.
    let first = state.rooms().view(&room).await?;
    let counted = state.0.counters.http_stream_opened();
    let listener = Listener { room, events, first: Some(first), levels: query.levels, state, _held: (permit, counted) };
    let messages = stream::unfold(listener, async |mut listener| {
        let message = listener.next().await?;
        Some((Ok(message), listener))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One open stream.
struct Listener {
    room: RoomId,
    events: Receiver<Event>,
    first: Option<RoomView>,
    levels: bool,
    state: ApiState,
    _held: (OwnedSemaphorePermit, Connection),
}

impl Listener {
    /// The next message; none when the room or the server ends.
    async fn next(&mut self) -> Option<Message> {
        if let Some(room) = self.first.take() {
            return message("room", &RoomEvent { room });
        }
        loop {
            let event = tokio::select! {
                () = self.state.0.stopping.cancelled() => return None,
                event = self.events.recv() => event,
            };
            match event {
                Ok(Event::Levels { .. }) if !self.levels => {}
                Ok(event) => return message(name(&event), &event),
                Err(RecvError::Lagged(_)) => {
                    let room = self.state.rooms().view(&self.room).await.ok()?;
                    return message("room", &RoomEvent { room });
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn message(name: &str, data: &impl Serialize) -> Option<Message> {
    Message::default().event(name).json_data(data).ok()
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Participant { .. } => "participant",
        Event::Speaker(_) => "speaker",
        Event::Layout { .. } => "layout",
        Event::Output { .. } => "output",
        Event::WorkerReplaced { .. } => "worker_replaced",
        Event::Fault { .. } => "fault",
        Event::Stored { .. } => "stored",
        Event::Eased { .. } => "eased",
        Event::Levels { .. } => "levels",
    }
}
