//! The listener session: from a fresh connection to a publish or play request, and the answer to it.

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{
    Error, Limits, Player, Publisher,
    amf::{Command, Property, Writer},
    chunk::{Fault, kind},
    commands::{command, courtesy, status},
    handshake,
    net_connection::NetConnection,
    path::Path,
    receiver::Receiver,
    sender::Sender,
    wire::{CHUNK_SIZE, FAREWELL, STREAM_BEGIN, WINDOW, Wire},
};

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
    connection: NetConnection,
    path: Path,
    stream: u32,
}

/// What a `publish` or `play` command asks for; `None` for another command.
fn request<S>(connection: NetConnection, wire: Wire<S>, command: &Command, stream: u32) -> Option<Request<S>> {
    let path = Path::new(&connection.app, command.text(1).unwrap_or_default(), &connection.tc_url);
    let asked = Asked { wire, connection: connection.renewed(), path, stream };
    match command.name.as_str() {
        "publish" => Some(Request::Publish(PublishRequest(asked))),
        "play" => Some(Request::Play(PlayRequest(asked))),
        _ => None,
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
    let connection = loop {
        let Some((_, command)) = next_command(&mut wire).await? else { continue };
        if command.name != "connect" {
            return Err(wire.fault(Fault::OutOfOrder("a command before connect")));
        }
        welcome(&mut wire, &command);
        break NetConnection::new(limits, &command);
    };
    step();
    let request = ask(wire, connection).await?;
    step();
    Ok(request)
}

/// Takes a connection that has said `connect` to what it asks for, or asks for next.
async fn ask<S>(mut wire: Wire<S>, mut connection: NetConnection) -> Result<Request<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    loop {
        let Some((stream, command)) = next_command(&mut wire).await? else { continue };
        match command.name.as_str() {
            "connect" => return Err(wire.fault(Fault::OutOfOrder("a second connect"))),
            "createStream" => connection.create_stream(&mut wire, &command)?,
            "publish" | "play" => {
                return request(connection, wire, &command, stream).ok_or(Error::Closed("it asked for anything"));
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

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Asked<S> {
    async fn reject(mut self, code: &str, reason: &str) {
        status(&mut self.wire, self.stream, "error", code, reason);
        self.wire.close(false, FAREWELL).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receiver<S> {
    /// Waits for what a peer that has ended its stream asks for next on the same connection, as long as a newcomer may take for
    /// that; `None` when it closes instead.
    pub async fn again(self) -> Option<Request<S>> {
        let (wire, connection, next) = self.ended();
        let connection = connection?;
        if let Some((command, stream)) = next {
            return request(connection, wire, &command, stream);
        }
        let patience = connection.limits.greeting;
        timeout(patience, ask(wire, connection)).await.ok()?.ok()
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
        let Asked { mut wire, connection, path, stream } = self.0;
        wire.set_caps(connection.limits.after_key());
        wire.user_control(STREAM_BEGIN, &[stream]);
        status(&mut wire, stream, "status", "NetStream.Publish.Start", &format!("Publishing {}.", path.name));
        wire.flush().await?;
        Ok(Receiver::publisher(wire, stream, connection))
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
