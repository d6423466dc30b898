//! The client: publishes to another server, or plays from one.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{
    Error, Limits, Playback, Publication,
    amf::{Command, Property, Writer},
    chunk::{Message, kind},
    commands::{command, reason},
    handshake,
    receiver::Receiver,
    sender::Sender,
    wire::{CHUNK_SIZE, SET_BUFFER_LENGTH, WINDOW, Wire},
};
use crate::front::net::address::{Connector, RtmpUrl};

/// From the open socket to the server's leave to publish or play: ten round trips to the far side of the world, and a server
/// that asks another whether we may.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest silence of a stream we play. Some servers (nginx-rtmp) never say that their publisher left.
pub const PLAY_IDLE: Duration = Duration::from_secs(15);

/// Buffer we claim when playing, ms. What ffmpeg claims, so servers are used to it; live servers send at once all the same.
const BUFFER_MS: u32 = 3_000;

/// Transaction ids; each is used once a connection.
const CONNECT: f64 = 1.0;
const RELEASE: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const REQUEST: f64 = 5.0;

/// Publishes to `url`: connects, asks and returns once the server agreed.
pub async fn publish(url: &RtmpUrl, connector: &Connector) -> Result<Publication, Error> {
    let connection = connector.connect(url.host(), url.port(), url.is_tls()).await?;
    publish_on(connection.stream, url).await
}

/// Plays `url`: connects, asks and returns once the server agreed.
pub async fn play(url: &RtmpUrl, connector: &Connector) -> Result<Playback, Error> {
    let connection = connector.connect(url.host(), url.port(), url.is_tls()).await?;
    play_on(connection.stream, url).await
}

/// As [`publish`], over a stream that is already open.
pub async fn publish_on<S>(stream: S, url: &RtmpUrl) -> Result<Sender<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    answered(async {
        let mut wire = connect(stream, url).await?;
        let release = Writer::command("releaseStream", RELEASE).null().text(url.name()).finish();
        wire.command(0, &release);
        let fc_publish = Writer::command("FCPublish", FC_PUBLISH).null().text(url.name()).finish();
        wire.command(0, &fc_publish);
        let id = create_stream(&mut wire).await?;
        let publish = Writer::command("publish", REQUEST).null().text(url.name()).text("live").finish();
        wire.command(id, &publish);
        // Media before the server's leave would break the protocol, so an early one counts as no answer.
        agreed(&mut wire, "NetStream.Publish.Start", false).await?;
        Ok(Sender::publication(wire, id, url.name().to_owned()))
    })
    .await
}

/// As [`play`], over a stream that is already open.
pub async fn play_on<S>(stream: S, url: &RtmpUrl) -> Result<Receiver<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    answered(async {
        let mut wire = connect(stream, url).await?;
        let id = create_stream(&mut wire).await?;
        // -2000: live if there is, as every player asks (§7.2.2.1 has it in seconds, players and servers in ms).
        let play = Writer::command("play", REQUEST).null().text(url.name()).number(-2000.0).finish();
        wire.command(id, &play);
        wire.user_control(SET_BUFFER_LENGTH, &[id, BUFFER_MS]);
        let first = agreed(&mut wire, "NetStream.Play.Start", true).await?;
        Ok(Receiver::playback(wire, id, PLAY_IDLE, first))
    })
    .await
}

async fn answered<T>(conversation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ANSWER_TIMEOUT, conversation).await.map_err(|_| Error::NoAnswer(ANSWER_TIMEOUT))?
}

/// Handshake and `connect` (§7.2.1.1).
async fn connect<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, url: &RtmpUrl) -> Result<Wire<S>, Error> {
    handshake::offer(&mut stream).await?;
    let limits = Limits::default();
    // A server that an operator named is trusted with as much as a publisher with a key.
    let mut wire = Wire::new(stream, limits.after_key(), limits.stall);
    wire.writer.set_chunk_size(CHUNK_SIZE);
    wire.control(kind::WINDOW_SIZE, &WINDOW.to_be_bytes());
    let tc_url = url.tc_url();
    let properties = [
        ("app", Property::Text(url.app())),
        ("type", Property::Text("nonprivate")),
        ("flashVer", Property::Text("FMLE/3.0 (compatible; Tilecast)")),
        ("tcUrl", Property::Text(&tc_url)),
    ];
    wire.command(0, &Writer::command("connect", CONNECT).object(&properties).finish());
    result(&mut wire, CONNECT).await?;
    Ok(wire)
}

async fn create_stream<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> Result<u32, Error> {
    wire.command(0, &Writer::command("createStream", CREATE_STREAM).null().finish());
    let answer = result(wire, CREATE_STREAM).await?;
    match answer.arguments.get(1) {
        Some(super::amf::Value::Number(id)) => Ok(*id as u32),
        _ => Err(Error::Refused("it created no stream".to_owned())),
    }
}

/// Waits for the answer to `transaction`.
async fn result<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, transaction: f64) -> Result<Command, Error> {
    loop {
        let Some(answer) = next_command(wire).await?.1 else { continue };
        match answer.name.as_str() {
            "_result" if answer.transaction == transaction => return Ok(answer),
            // nginx-rtmp and others do not know releaseStream and FCPublish, and say so.
            "_error" if answer.transaction == transaction => return Err(Error::Refused(reason(&answer))),
            "onStatus" if answer.property(1, "level") == Some("error") => return Err(Error::Refused(reason(&answer))),
            "close" => return Err(Error::Refused("it closed the connection".to_owned())),
            _ => {}
        }
    }
}

/// Waits for leave to publish or play. A message of media that overtakes it is returned, where `media` may.
async fn agreed<S>(wire: &mut Wire<S>, code: &str, media: bool) -> Result<Option<Message>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let (message, command) = next_command(wire).await?;
        if media && matches!(message.kind, kind::AUDIO | kind::VIDEO | kind::AGGREGATE) {
            return Ok(Some(message));
        }
        let Some(answer) = command else { continue };
        match answer.name.as_str() {
            "onStatus" if answer.property(1, "level") == Some("error") => return Err(Error::Refused(reason(&answer))),
            "onStatus" if answer.property(1, "code") == Some(code) => return Ok(None),
            "_error" if answer.transaction == REQUEST => return Err(Error::Refused(reason(&answer))),
            "close" => return Err(Error::Refused("it closed the connection".to_owned())),
            _ => {}
        }
    }
}

async fn next_command<S>(wire: &mut Wire<S>) -> Result<(Message, Option<Command>), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = wire.next().await?.ok_or(Error::Closed("it answered"))?;
    let command = command(&message).map_err(|fault| wire.fault(fault))?;
    Ok((message, command))
}
