// SPDX-License-Identifier: Apache-2.0
//! Files that runs leave, and those of traces: text, or the same compressed by gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

/// What the name of a trace of a run ends in.
pub const TRACE: &str = ".trace.gz";

/// What begins a file that gzip has compressed.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The file of a run in this folder: a name that every file system takes.
pub fn file_of_run(folder: &Path, scenario: &str, variant: &str, seed: u32, end: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.=+".contains(c) { c } else { '_' };
    let id: String = format!("{scenario}{variant}-{seed:08x}").chars().map(plain).collect();
    folder.join(id + end)
}

/// Makes a file for a trace, compressed where its name ends in `.gz`.
///
/// # Errors
/// There is no such folder, no right to write.
pub fn create(path: &Path) -> io::Result<Box<dyn Write>> {
    let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if is_compressed {
        Box::new(Compressed(Some(GzEncoder::new(file, Compression::fast()))))
    } else {
        Box::new(file)
    })
}

/// Opens a trace, compressed or not.
///
/// # Errors
/// It cannot be read.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let is_compressed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if is_compressed {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

/// Compressed on its way: what is flushed is a whole file.
struct Compressed(Option<GzEncoder<BufWriter<File>>>);

impl Write for Compressed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(encoder) => encoder.write(bytes),
            None => Err(io::Error::other("the trace has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.take() {
            Some(encoder) => encoder.finish()?.flush(),
            None => Ok(()),
        }
    }
}
