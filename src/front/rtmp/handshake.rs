//! The handshake (RTMP 1.0 §5.2), with the digests Flash added, by `rml_rtmp`.

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Error;

/// C1, C2, S1 and S2, bytes.
const BLOCK: usize = 1536;

/// Answers a client's handshake; `step` is called for each half of it.
pub async fn answer<S>(stream: &mut S, step: &(impl Fn() + Send + Sync)) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut handshake = Handshake::new(PeerType::Server);
    let mut bytes = [0; 1 + BLOCK];
    // The version byte alone tells whether it is worth waiting for the rest.
    read(stream, &mut bytes[..1]).await?;
    if bytes[0] != 3 {
        return Err(Error::Handshake);
    }
    read(stream, &mut bytes[1..]).await?;
    step();
    let (reply, _) = process(&mut handshake, &bytes)?;
    stream.write_all(&reply).await?;
    stream.flush().await?;
    read(stream, &mut bytes[..BLOCK]).await?;
    step();
    match process(&mut handshake, &bytes[..BLOCK])? {
        (_, true) => Ok(()),
        (_, false) => Err(Error::Handshake),
    }
}

/// Offers a handshake to a server.
pub async fn offer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Error> {
    let mut handshake = Handshake::new(PeerType::Client);
    let offer = handshake.generate_outbound_p0_and_p1().map_err(|_| Error::Handshake)?;
    stream.write_all(&offer).await?;
    stream.flush().await?;
    let mut bytes = [0; 1 + 2 * BLOCK];
    read(stream, &mut bytes[..1]).await?;
    if bytes[0] != 3 {
        return Err(Error::Handshake);
    }
    read(stream, &mut bytes[1..]).await?;
    let (reply, complete) = process(&mut handshake, &bytes)?;
    stream.write_all(&reply).await?;
    stream.flush().await?;
    if complete { Ok(()) } else { Err(Error::Handshake) }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, into: &mut [u8]) -> Result<(), Error> {
    match stream.read_exact(into).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Error::Closed("the handshake ended")),
        Err(error) => Err(error.into()),
    }
}

/// What to send, and whether the handshake is complete. The crate is never given more than the handshake, so nothing is left.
fn process(handshake: &mut Handshake, bytes: &[u8]) -> Result<(Vec<u8>, bool), Error> {
    match handshake.process_bytes(bytes).map_err(|_| Error::Handshake)? {
        HandshakeProcessResult::InProgress { response_bytes } => Ok((response_bytes, false)),
        HandshakeProcessResult::Completed { response_bytes, .. } => Ok((response_bytes, true)),
    }
}
