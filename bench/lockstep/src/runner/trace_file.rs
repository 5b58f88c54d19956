// SPDX-License-Identifier: Apache-2.0
//! Files of traces: text, or the same compressed by gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

/// What begins a file that gzip has compressed.
const GZIP: [u8; 2] = [0x1F, 0x8B];

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
