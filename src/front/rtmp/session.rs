//! The listener session: from a fresh connection to a publish or play request, and the answer to it.

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{
    Error, Limits, Player, Publisher,
    amf::{Command, Property, Writer},
    chunk::{Fault, Message, kind},
    handshake,
    path::Path,
    receiver::Receiver,
    sender::Sender,
    wire::{CHUNK_SIZE, FAREWELL, STREAM_BEGIN, WINDOW, Wire},
};

/// Most message streams one connection may create before it asks for anything. Encoders create one.
const MAX_STREAMS: u32 = 16;

/// Longest application or `tcUrl`, bytes; a longer one counts as none. Room id, participant id and key fill a tenth of it.
const MAX_ADDRESS_BYTES: usize = 2048;

/// Codecs announced to peers that speak enhanced RTMP.
const FOUR_CCS: &[&str] = &["avc1", "hvc1", "av01", "vp09", "vp08", "mp4a", ".mp3", "Opus"];

/// What a peer asks for. Dropping it closes the connection without a word.
#[derive(Debug)]
pub enum Request<S> {
    /// To send a stream.
    Publish(PublishRequest<S>),
    /// To receive one.
    Play(PlayRequest<S>),
}

/// A peer that wants to publish.
#[derive(Debug)]
pub struct PublishRequest<S>(Asked<S>);

/// A peer that wants to play.
#[derive(Debug)]
pub struct PlayRequest<S>(Asked<S>);

#[derive(Debug)]
struct Asked<S> {
    wire: Wire<S>,
    session: Session,
    path: Path,
    stream: u32,
}

/// What a connection said of itself before it asked for anything.
#[derive(Debug)]
pub(super) struct Session {
    pub limits: Limits,
    app: String,
    tc_url: String,
    /// Message streams it created, which is the id of the last one.
    streams: u32,
    /// How many more it may create before it asks for something.
    left: u32,
}

impl Session {
    fn new(limits: &Limits, connect: &Command) -> Self {
        let address = |name| connect.property(0, name).filter(|a| a.len() <= MAX_ADDRESS_BYTES).unwrap_or_default();
        let (app, tc_url) = (address("app").to_owned(), address("tcUrl").to_owned());
        Self { limits: limits.clone(), app, tc_url, streams: 0, left: MAX_STREAMS }
    }

    /// Answers `createStream` (§7.2.1.3).
    pub(super) fn create_stream<S>(&mut self, wire: &mut Wire<S>, command: &Command) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(wire.fault(Fault::OutOfOrder("too many createStream commands")));
        };
        self.left = left;
        self.streams += 1;
        let result = Writer::command("_result", command.transaction).null().number(f64::from(self.streams));
        wire.command(0, &result.finish());
        Ok(())
    }

    /// What a `publish` or `play` command asks for; `None` for another command.
    pub(super) fn request<S>(self, wire: Wire<S>, command: &Command, stream: u32) -> Option<Request<S>> {
        let path = Path::new(&self.app, command.text(1).unwrap_or_default(), &self.tc_url);
        let asked = Asked { wire, session: Self { left: MAX_STREAMS, ..self }, path, stream };
        match command.name.as_str() {
            "publish" => Some(Request::Publish(PublishRequest(asked))),
            "play" => Some(Request::Play(PlayRequest(asked))),
            _ => None,
        }
    }
}

/// Takes a connection through handshake, `connect` and `createStream` to its request. Fails when that takes longer or costs
/// more than `limits` allow, and on anything that is not RTMP.
pub async fn accept<S>(stream: S, limits: &Limits) -> Result<Request<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    accept_stepwise(stream, limits, || {}).await
}

/// As [`accept`]; `step` is called whenever the peer has come a step further, which is at most four times.
pub async fn accept_stepwise<S>(stream: S, limits: &Limits, step: impl Fn() + Send + Sync) -> Result<Request<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    timeout(limits.greeting, greet(stream, limits, &step)).await.map_err(|_| Error::Greeting(limits.greeting))?
}

async fn greet<S>(mut stream: S, limits: &Limits, step: &(impl Fn() + Send + Sync)) -> Result<Request<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    handshake::answer(&mut stream, step).await?;
    let mut wire = Wire::new(stream, limits.before_key(), limits.stall);
    let session = loop {
        let Some((_, command)) = next_command(&mut wire).await? else { continue };
        if command.name != "connect" {
            return Err(wire.fault(Fault::OutOfOrder("a command before connect")));
        }
        welcome(&mut wire, &command);
        break Session::new(limits, &command);
    };
    step();
    let request = ask(wire, session).await?;
    step();
    Ok(request)
}

/// Takes a connection that has said `connect` to what it asks for, or asks for next.
pub(super) async fn ask<S>(mut wire: Wire<S>, mut session: Session) -> Result<Request<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    loop {
        let Some((stream, command)) = next_command(&mut wire).await? else { continue };
        match command.name.as_str() {
            "connect" => return Err(wire.fault(Fault::OutOfOrder("a second connect"))),
            "createStream" => session.create_stream(&mut wire, &command)?,
            "publish" | "play" => {
                let request = session.request(wire, &command, stream);
                return request.ok_or(Error::Closed("it asked for anything"));
            }
            _ => courtesy(&mut wire, &command),
        }
    }
}

/// The next message's command, if it has one, and its message stream.
async fn next_command<S>(wire: &mut Wire<S>) -> Result<Option<(u32, Command)>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let message = wire.next().await?.ok_or(Error::Closed("it asked for anything"))?;
    let command = command(&message).map_err(|fault| wire.fault(fault))?;
    Ok(command.map(|command| (message.stream, command)))
}

/// The command in a message, if there is one.
pub(super) fn command(message: &Message) -> Result<Option<Command>, Fault> {
    match message.kind {
        kind::COMMAND => Ok(Some(Command::read(&message.payload)?)),
        kind::COMMAND_AMF3 => {
            let payload = message.payload.strip_prefix(&[0]).unwrap_or(&message.payload);
            Ok(Some(Command::read(payload)?))
        }
        _ => Ok(None),
    }
}

/// Answers `connect` (§7.2.1.1).
fn welcome<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, connect: &Command) {
    const DYNAMIC: u8 = 2;
    let [a, b, c, d] = WINDOW.to_be_bytes();
    wire.control(kind::WINDOW_SIZE, &[a, b, c, d]);
    wire.control(kind::PEER_BANDWIDTH, &[a, b, c, d, DYNAMIC]);
    wire.writer.set_chunk_size(CHUNK_SIZE);
    let mut server = vec![("fmsVer", Property::Text("FMS/3,0,1,123")), ("capabilities", Property::Number(31.0))];
    if connect.object(0).is_some_and(|client| client.contains_key("fourCcList")) {
        server.push(("fourCcList", Property::Texts(FOUR_CCS)));
    }
    let information = [
        ("level", Property::Text("status")),
        ("code", Property::Text("NetConnection.Connect.Success")),
        ("description", Property::Text("Connected.")),
        ("objectEncoding", Property::Number(0.0)),
    ];
    let result = Writer::command("_result", connect.transaction).object(&server).object(&information);
    wire.command(0, &result.finish());
}

/// Answers what encoders ask of Flash servers, none of which concerns us, so that none waits for it. `FCUnpublish` gets no
/// answer: ffmpeg closes without reading it, and closing with something unread resets the connection and loses its goodbye.
pub(super) fn courtesy<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, command: &Command) {
    let result = Writer::command("_result", command.transaction).null();
    match command.name.as_str() {
        "releaseStream" | "FCPublish" | "FCSubscribe" | "_checkbw" if command.transaction != 0.0 => {
            wire.command(0, &result.null().finish());
        }
        "getStreamLength" => wire.command(0, &result.number(0.0).finish()),
        _ => {}
    }
}

/// Queues an `onStatus` (§7.2.2).
pub(super) fn status<S>(wire: &mut Wire<S>, stream: u32, level: &str, code: &str, description: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let information = [
        ("level", Property::Text(level)),
        ("code", Property::Text(code)),
        ("description", Property::Text(description)),
    ];
    wire.command(stream, &Writer::command("onStatus", 0.0).null().object(&information).finish());
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Asked<S> {
    async fn reject(mut self, code: &str, reason: &str) {
        status(&mut self.wire, self.stream, "error", code, reason);
        self.wire.close(false, FAREWELL).await;
    }
}

macro_rules! address {
    ($name:ident) => {
        impl<S> $name<S> {
            /// The application, without query or slashes at its ends: `in/ROOM`.
            pub fn app(&self) -> &str {
                &self.0.path.app
            }

            /// The stream's name, without query: `PARTICIPANT`.
            pub fn name(&self) -> &str {
                &self.0.path.name
            }

            /// Application and name in one, however the client split them: `in/ROOM/PARTICIPANT`.
            pub fn path(&self) -> String {
                self.0.path.joined()
            }

            /// What the value of `key` may be, the likeliest first: as the stream name's query has it, else the application's, else
            /// `tcUrl`'s.
            pub fn readings(&self, key: &str) -> Vec<String> {
                self.0.path.readings(key)
            }

            /// Application and name as they may be meant.
            pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
                self.0.path.places()
            }
        }
    };
}

address!(PublishRequest);
address!(PlayRequest);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> PublishRequest<S> {
    /// Lets the peer publish.
    pub async fn accept(self) -> Result<Publisher<S>, Error> {
        let Asked { mut wire, session, path, stream } = self.0;
        wire.set_caps(session.limits.after_key());
        wire.user_control(STREAM_BEGIN, &[stream]);
        status(&mut wire, stream, "status", "NetStream.Publish.Start", &format!("Publishing {}.", path.name));
        wire.flush().await?;
        Ok(Receiver::publisher(wire, stream, session))
    }

    /// Tells the peer why not, in a sentence that its user sees, and closes.
    pub async fn reject(self, reason: &str) {
        self.0.reject("NetStream.Publish.Denied", reason).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> PlayRequest<S> {
    /// Lets the peer play.
    pub async fn accept(self) -> Result<Player<S>, Error> {
        let Asked { mut wire, path, stream, .. } = self.0;
        wire.user_control(STREAM_BEGIN, &[stream]);
        let text = format!("Playing {}.", path.name);
        status(&mut wire, stream, "status", "NetStream.Play.Reset", &text);
        status(&mut wire, stream, "status", "NetStream.Play.Start", &text);
        wire.flush().await?;
        Ok(Sender::player(wire, stream))
    }

    /// Tells the peer why not, in a sentence that its user sees, and closes.
    pub async fn reject(self, reason: &str) {
        self.0.reject("NetStream.Play.Failed", reason).await;
    }
}
