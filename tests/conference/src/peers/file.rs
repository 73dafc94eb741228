//! The cache of encoded media: IVF for VP8, length-prefixed frames for Opus.

use std::path::Path;

use crate::error::{Error, Result};

/// Larger files are not ours.
const MOST: u64 = 64 * 1024 * 1024;

/// Writes frames as IVF.
pub fn write_ivf(path: &Path, (width, height): (u16, u16), fps: u32, frames: &[Vec<u8>]) -> Result<()> {
    let mut out = Vec::new();
    out.extend_from_slice(b"DKIF");
    out.extend_from_slice(&0u16.to_le_bytes());
    out.extend_from_slice(&32u16.to_le_bytes());
    out.extend_from_slice(b"VP80");
    out.extend_from_slice(&width.to_le_bytes());
    out.extend_from_slice(&height.to_le_bytes());
    out.extend_from_slice(&fps.to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
    out.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    for (i, frame) in frames.iter().enumerate() {
        out.extend_from_slice(&(frame.len() as u32).to_le_bytes());
        out.extend_from_slice(&(i as u64).to_le_bytes());
        out.extend_from_slice(frame);
    }
    store(path, &out)
}

/// Reads the frames of an IVF file.
pub fn read_ivf(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = load(path)?;
    let damaged = || Error::Media(format!("{} is damaged; delete it", path.display()));
    if bytes.get(..4) != Some(b"DKIF") {
        return Err(damaged());
    }
    let mut rest = bytes.get(32..).ok_or_else(damaged)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(12).ok_or_else(damaged)?;
        let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (frame, after) = after.split_at_checked(size).ok_or_else(damaged)?;
        frames.push(frame.to_vec());
        rest = after;
    }
    Ok(frames)
}

/// Writes Opus frames, each with its length in front.
pub fn write_frames(path: &Path, frames: &[Vec<u8>]) -> Result<()> {
    let mut out = Vec::new();
    for frame in frames {
        out.extend_from_slice(&(frame.len() as u16).to_le_bytes());
        out.extend_from_slice(frame);
    }
    store(path, &out)
}

/// Reads what [`write_frames`] wrote.
pub fn read_frames(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = load(path)?;
    let damaged = || Error::Media(format!("{} is damaged; delete it", path.display()));
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(2).ok_or_else(damaged)?;
        let (frame, after) = after
            .split_at_checked(u16::from_le_bytes([header[0], header[1]]) as usize)
            .ok_or_else(damaged)?;
        frames.push(frame.to_vec());
        rest = after;
    }
    Ok(frames)
}

fn load(path: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).map_err(Error::io("media cache"))?.len();
    if size > MOST {
        return Err(Error::Media(format!("{} is too large", path.display())));
    }
    std::fs::read(path).map_err(Error::io("media cache"))
}

/// Several tests may fill the cache at once: write beside, then rename.
fn store(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io("media cache"))?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("media cache"))?;
    std::fs::write(file.path(), bytes).map_err(Error::io("media cache"))?;
    file.persist(path).map_err(|e| Error::Io {
        what: "media cache",
        source: e.error,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_cut_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let frames = vec![vec![1, 2, 3], vec![], vec![4; 1000]];
        let ivf = folder.path().join("a.ivf");
        write_ivf(&ivf, (320, 180), 25, &frames).unwrap();
        assert_eq!(read_ivf(&ivf).unwrap(), frames);
        let opus = folder.path().join("a.frames");
        write_frames(&opus, &frames).unwrap();
        assert_eq!(read_frames(&opus).unwrap(), frames);
        let whole = std::fs::read(&ivf).unwrap();
        std::fs::write(&ivf, &whole[..whole.len() - 1]).unwrap();
        assert!(read_ivf(&ivf).is_err());
    }
}
