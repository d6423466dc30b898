//! The worker (media worker): one room's media. Packets and scenes come in; program packets, levels and statistics go
//! out. All C code is called here and nowhere else.
//!
//! It owns the decoders ([`decode`]), the stage with its tick ([`stage`]), the sound ([`sound`]) and the encoders
//! ([`encode`]). It never opens a socket, never decides, and keeps nothing that must survive: after a crash the front
//! starts another worker. It ends when the link does, or when told to. Then every thread that ends in time is joined,
//! and one that hangs is left to the end of the process. [`watch`] checks whether each part makes progress. The rest
//! are tools: the room's clock, the playout clocks, the queue to the front, the pixel format.

pub mod calibrate;
pub mod clock;
mod confine;
mod connection;
pub mod decode;
pub mod encode;
mod helper;
pub mod i420;
pub mod leavers;
pub mod mailbox;
pub mod out;
mod pipeline;
pub mod playout;
pub mod process;
mod reader;
mod room;
pub mod sound;
pub mod stage;
mod visibility;
pub mod watch;

use std::{io, os::unix::net::UnixStream};

use crate::{
    clock::Clock,
    confine::Confined,
    out::{Out, Writer},
    process::Usage,
    reader::{Event, Reader},
    room::Room,
};
use tilecast_core::link::{
    Control, Report, ToWorker,
    frame::FrameError,
    message::{Settings, VERSION},
};

/// Why a worker ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the link to the front broke: {0}")]
    Link(#[from] io::Error),
    /// The front sent bytes that are no message.
    #[error("the front sent {0}")]
    Frame(#[from] FrameError),
    /// A link begins with [`Control::Start`].
    #[error("the front began with something other than its settings")]
    NotStarted,
    /// Front and worker come from different builds.
    #[error("the front speaks version {0} of the link, this worker {VERSION}: run both from the same build")]
    Version(u32),
    /// The canvas is out of range.
    #[error("a canvas of {0}x{1} at {2} fps cannot be made: 16x16 to 3840x2160, even, 1 to 60 fps")]
    Canvas(u32, u32, u32),
    /// FFmpeg or GStreamer does not start on this machine.
    #[error("the media libraries do not start: {0}")]
    Libraries(String),
    /// The stage could not start, or failed.
    #[error("the stage: {0}")]
    Stage(#[from] stage::StageError),
    /// The sound could not start.
    #[error("the sound: {0}")]
    Sound(#[from] sound::SoundError),
    /// A bug in the sound's thread.
    #[error("the sound's thread ended by itself")]
    SoundEnded,
    /// No thread for the watch.
    #[error("the watch's thread does not start: {0}; raise the limit of threads (ulimit -u, TasksMax)")]
    Watch(#[source] io::Error),
    /// So many decoders do not go on.
    #[error("{0} video decoders hang")]
    Hung(usize),
}

/// Runs one room over `link` until the front ends it. Blocks. The threads it starts are joined before it returns; if
/// some hang, it returns within 2 s all the same.
pub fn run(link: UnixStream) -> Result<(), Error> {
    work(link, false)
}

/// The same as [`run`], in a process that has no other task and no other thread yet. The process gives up everything
/// that a room does not need (`confine`) before it reads participants' data.
pub fn run_confined(link: UnixStream) -> Result<(), Error> {
    work(link, true)
}

/// Lists the plugins of this machine, if they have changed, for later workers: a confined worker cannot write the list.
///
/// # Errors
/// When FFmpeg or GStreamer does not start.
pub fn prepare() -> Result<(), Error> {
    libraries()
}

/// The start of a worker.
struct Beginning {
    first: Result<Event, Error>,
    clock: Clock,
    usage: Usage,
    /// What it keeps after confinement; `None` when it is not confined.
    confined: Option<Confined>,
}

impl Beginning {
    /// Waits for the first message. A worker's needs depend on its settings, and it must give up the rest before there
    /// are threads.
    fn wait(reader: &mut Reader, confined: bool) -> Self {
        process::step_back();
        process::cores();
        let usage = Usage::of_process();
        let first = reader.first();
        // The front joins the program's time line when it sends its settings.
        let clock = Clock::start();
        let confined = match &first {
            Ok(Event::Message(ToWorker::Control(Control::Start(settings)))) if confined => {
                Some(confine::enclose(settings))
            }
            _ => None,
        };
        Self { first, clock, usage, confined }
    }
}

fn work(link: UnixStream, confined: bool) -> Result<(), Error> {
    let mut reader = Reader::new(link.try_clone()?)?;
    let beginning = Beginning::wait(&mut reader, confined);
    if confined {
        process::give_back_memory();
    }
    let (out, writer) = Writer::start(&link)?;
    let result = serve(beginning, &mut reader, &out);
    writer.finish();
    result
}

fn serve(beginning: Beginning, reader: &mut Reader, out: &Out) -> Result<(), Error> {
    // The reason is sent before anything is waited for that may hang.
    let told = |result: Result<(), Error>| {
        result.inspect_err(|error| out.report(Report::Fault { feed: None, text: error.to_string() }))
    };
    let mut room = match begin(beginning, out) {
        Ok(Some(room)) => room,
        Ok(None) => return Ok(()),
        Err(error) => return told(Err(error)),
    };
    let served = told(room.run(reader));
    let ended = room.end();
    served.and_then(|()| told(ended))
}

/// The room that the link begins with; `None` if the link ends before.
fn begin(beginning: Beginning, out: &Out) -> Result<Option<Room>, Error> {
    let Beginning { first, clock, usage, confined } = beginning;
    let settings = match first? {
        Event::Message(ToWorker::Control(Control::Start(settings))) => *settings,
        Event::End => return Ok(None),
        Event::Message(_) | Event::Quiet => return Err(Error::NotStarted),
    };
    check(&settings)?;
    libraries()?;
    let room = Room::start(&settings, clock, out.clone(), usage)?;
    if let Some(confined) = &confined {
        confined.seal();
    }
    out.report(Report::Ready { version: VERSION, pid: std::process::id() });
    Ok(Some(room))
}

/// Starts FFmpeg and GStreamer; further calls do no harm.
fn libraries() -> Result<(), Error> {
    ffmpeg_next::init().map_err(|error| Error::Libraries(error.to_string()))?;
    // FFmpeg's complaints about bad packets would fill the log; the packets are counted instead.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    gstreamer::init().map_err(|error| Error::Libraries(error.to_string()))
}

fn check(settings: &Settings) -> Result<(), Error> {
    if settings.version != VERSION {
        return Err(Error::Version(settings.version));
    }
    let canvas = &settings.canvas;
    if !stage::canvas_is_sane(canvas) {
        return Err(Error::Canvas(canvas.width, canvas.height, canvas.fps));
    }
    Ok(())
}
