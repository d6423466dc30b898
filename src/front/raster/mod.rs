//! Sandboxed image decoding: uploads become finished pictures, and layouts become previews, in child processes that may
//! die.
//!
//! The front decodes nothing that strangers made. It gives a file to `tilecast raster upload`, and passes the pixels,
//! whose number it checks, on to `tilecast raster pack`: so stored pictures are written by a process that saw pixels
//! and no file. Children are limited in number, memory and time, and their output is bounded and checked. Dropping a
//! call ends its children.

mod child;

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Semaphore;

use child::Child;

use crate::{
    base::AssetHash,
    draw::{
        Kind,
        job::{Answer, MAX_PREVIEW, Pack, Preview},
        limits::{CPU_SECONDS, MEMORY},
        raster,
    },
    media::Size,
};

/// Most jobs at once: each keeps a core busy and may take 256 MiB, and rooms have priority.
const MAX_AT_ONCE: usize = 2;
/// Most jobs that wait, each of which holds its file: an operator's whole set of images, uploaded at once.
const MAX_WAITING: usize = 32;
/// Longest time for a job without its wait: several times its CPU limit, for a busy machine.
const WALL: Duration = Duration::from_secs(15);
/// Longest wait of a job. With [`WALL`] it is within the API's limit for a request.
const LINE: Duration = Duration::from_secs(4);

/// A PNG or JPEG picture that a drawing process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Hash of the file, by which scenes name it.
    pub hash: AssetHash,
    pub size: Size,
    pub file: Bytes,
}

/// Properties and picture of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    pub kind: Kind,
    /// The upload's own size, px.
    pub size: Size,
    pub raster: Raster,
}

/// Why something was not drawn. All but the last two are faults of the file, and would repeat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RasterError {
    /// The child's own sentence.
    #[error("{0}")]
    Refused(String),
    /// It takes too long.
    #[error("it takes more than {CPU_SECONDS} s of computing to draw; simplify it, or use a smaller PNG")]
    TooLong,
    /// It takes too much memory, or stack.
    #[error("it takes more than {} MiB of memory to draw, or is nested too deeply; simplify it, or use a smaller PNG", MEMORY >> 20)]
    TooMuch,
    /// The child ended early.
    #[error("drawing it fails; save it anew with another program, or use a PNG")]
    Broken,
    /// The machine has no time for it.
    #[error("the server is too busy to draw it now; try again in a few seconds")]
    Busy,
    /// The child cannot be used at all.
    #[error("the server cannot draw: {0}")]
    Failed(String),
}

impl RasterError {
    /// True if the file is at fault, and not the moment or the machine.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Busy | Self::Failed(_))
    }
}

/// Starts the children, from this program. Clones share its places.
#[derive(Debug, Clone)]
pub struct Rasterizer {
    program: PathBuf,
    places: Arc<Semaphore>,
    line: Arc<Semaphore>,
}

impl Rasterizer {
    /// `program` is run as `program raster`.
    pub fn new(program: PathBuf) -> Self {
        let (places, line) = (Semaphore::new(MAX_AT_ONCE), Semaphore::new(MAX_AT_ONCE + MAX_WAITING));
        Self { program, places: Arc::new(places), line: Arc::new(line) }
    }

    /// The finished picture of an upload, in a file of at most `most` bytes.
    ///
    /// # Errors
    /// The reason why there is none.
    pub async fn draw(&self, upload: &Bytes, most: usize) -> Result<Drawing, RasterError> {
        self.in_turn(self.drawing(upload, most.min(raster::MAX_BYTES))).await
    }

    /// A layout as a PNG.
    ///
    /// # Errors
    /// The reason why there is none.
    pub async fn preview(&self, job: &Preview, images: &[Bytes]) -> Result<Bytes, RasterError> {
        self.in_turn(self.drawn(job, images)).await
    }

    /// Runs a job after a bounded wait for a place; the time of the job is bounded too.
    async fn in_turn<T>(&self, job: impl Future<Output = Result<T, RasterError>>) -> Result<T, RasterError> {
        let _waiting = self.line.try_acquire().map_err(|_| RasterError::Busy)?;
        let place = tokio::time::timeout(LINE, self.places.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(RasterError::Busy)?;
        tokio::time::timeout(WALL, job).await.map_err(|_| RasterError::Busy)?
    }

    async fn drawing(&self, upload: &Bytes, most: usize) -> Result<Drawing, RasterError> {
        let mut drawer = Child::start(&self.program, "upload")?;
        drawer.tell(&[upload]).await;
        let (kind, own, size, lossy) = match drawer.answer().await? {
            Answer::Pixels { kind, own, size, lossy } => (kind, own, size, lossy),
            Answer::Refused(why) => return Err(drawer.refused(&why).await),
            Answer::File { .. } => return Err(RasterError::Broken),
        };
        if !raster::is_sane(size) {
            return Err(RasterError::Broken);
        }
        let mut packer = Child::start(&self.program, "pack")?;
        packer.begin(&Pack { size, lossy, most }).await;
        drawer.hand_on(&mut packer, u64::from(size.width) * u64::from(size.height) * 4).await?;
        let (size, file) = packer.file(most).await?;
        if !raster::is_sane(size) {
            return Err(RasterError::Broken);
        }
        Ok(Drawing { kind, size: own, raster: Raster { hash: AssetHash::of(&file), size, file } })
    }

    async fn drawn(&self, job: &Preview, images: &[Bytes]) -> Result<Bytes, RasterError> {
        let mut drawer = Child::start(&self.program, "preview")?;
        let head = crate::draw::job::head(job);
        let parts: Vec<&[u8]> = std::iter::once(&head[..]).chain(images.iter().map(|image| &image[..])).collect();
        drawer.tell(&parts).await;
        let (size, file) = drawer.file(MAX_PREVIEW).await?;
        let is_png = Kind::of(&file[..file.len().min(8)]) == Some(Kind::Png);
        if size != job.canvas.size() || !is_png { Err(RasterError::Broken) } else { Ok(file) }
    }
}
