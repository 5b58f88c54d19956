// SPDX-License-Identifier: Apache-2.0
//! The border to C++: one call a clock cycle, plain structs across it.

pub(crate) use ffi::*;

#[cxx::bridge(namespace = "verilated_host")]
mod ffi {
    /// A port as the library reports it, in the order of its words in the buffers.
    struct PortRecord {
        name: String,
        width: u32,
        input: bool,
    }

    /// Why an instance stopped.
    struct StopRecord {
        kind: i32,
        file: String,
        line: u32,
        message: String,
        time: u64,
    }

    extern "Rust" {
        fn lz4_compress(source: &[u8], target: &mut [u8]) -> usize;
        fn zlib_compress(source: &[u8], level: i32, target: &mut [u8]) -> usize;
    }

    unsafe extern "C++" {
        include!("host.h");

        type Library;
        type Model;

        fn open_library(path: &str) -> Result<SharedPtr<Library>>;
        fn create_model(library: &Library, seed: i32, initial: i32, assertions: bool) -> Result<UniquePtr<Model>>;
        fn model_ports(model: &Model) -> Vec<PortRecord>;
        fn model_stop(model: &Model) -> StopRecord;
        fn take_output(model: Pin<&mut Model>) -> String;
        fn trace_open(model: Pin<&mut Model>, path: &str) -> Result<()>;
        fn trace_flush(model: Pin<&mut Model>) -> Result<()>;
        fn trace_close(model: Pin<&mut Model>) -> Result<()>;
        fn coverage_write(model: Pin<&mut Model>, path: &str) -> Result<()>;

        /// # Safety
        /// `inputs` and `outputs` must point to as many words as the ports of the model take.
        unsafe fn cycle(self: Pin<&mut Model>, inputs: *const u64, outputs: *mut u64) -> bool;
        /// # Safety
        /// `inputs` must point to as many words as the inputs of the model take.
        unsafe fn apply(self: Pin<&mut Model>, inputs: *const u64) -> bool;
        fn finish(self: Pin<&mut Model>) -> bool;
        fn time(self: &Model) -> u64;
    }
}

/// An LZ4 block without a size in front of it; 0 if `target` is too small.
fn lz4_compress(source: &[u8], target: &mut [u8]) -> usize {
    // `compress_into` asks for more room than a block ever needs, and more than callers of LZ4 provide.
    copied(&lz4_flex::block::compress(source), target)
}

/// A zlib stream; 0 if `target` is too small.
fn zlib_compress(source: &[u8], level: i32, target: &mut [u8]) -> usize {
    let level = u8::try_from(level.clamp(0, 9)).unwrap_or(6);
    copied(&miniz_oxide::deflate::compress_to_vec_zlib(source, level), target)
}

fn copied(packed: &[u8], target: &mut [u8]) -> usize {
    match target.get_mut(..packed.len()) {
        Some(slot) => {
            slot.copy_from_slice(packed);
            packed.len()
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::lz4_compress;

    /// What LZ4 promises to need at most: callers provide no more.
    fn bound(bytes: usize) -> usize {
        bytes + bytes / 255 + 16
    }

    #[test]
    fn what_lz4_has_room_for_fits() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for bytes in [0, 1, 63, 64, 1000, 100_000, 1_000_000] {
            let sources: [Vec<u8>; 2] = [(0..bytes).map(|_| noise()).collect(), vec![7; bytes]];
            for source in sources {
                let mut target = vec![0; bound(bytes)];
                let written = lz4_compress(&source, &mut target);
                assert!(written > 0, "{bytes} bytes");
                let back = lz4_flex::block::decompress(&target[..written], bytes).expect("a block");
                assert_eq!(back, source);
            }
        }
        assert_eq!(lz4_compress(&[1, 2, 3], &mut [0]), 0);
    }
}
