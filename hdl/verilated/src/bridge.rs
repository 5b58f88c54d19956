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
    lz4_flex::block::compress_into(source, target).unwrap_or(0)
}

/// A zlib stream; 0 if `target` is too small.
fn zlib_compress(source: &[u8], level: i32, target: &mut [u8]) -> usize {
    let level = u8::try_from(level.clamp(0, 9)).unwrap_or(6);
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(source, level);
    match target.get_mut(..packed.len()) {
        Some(slot) => {
            slot.copy_from_slice(&packed);
            packed.len()
        }
        None => 0,
    }
}
