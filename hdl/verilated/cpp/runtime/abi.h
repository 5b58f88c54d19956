// SPDX-License-Identifier: Apache-2.0
// What a design's shared library and the program that loads it agree on. Plain C types and virtual calls only:
// no exception, no allocation and no standard-library type crosses this line.
#pragma once
#include <cstddef>
#include <cstdint>

namespace verilated_abi {

/// Compressors that the wave writer needs. The host brings them, so that a machine without the headers of zlib
/// and LZ4 can write waves. Each returns the bytes written, or 0 if the destination is too small.
struct Services {
    size_t (*lz4)(const uint8_t* source, size_t bytes, uint8_t* target, size_t capacity);
    size_t (*zlib)(const uint8_t* source, size_t bytes, int level, uint8_t* target, size_t capacity);
};

/// How an instance begins.
struct Setup {
    int32_t seed;        ///< of `$random`, `$urandom` and random initial values; never 0
    int32_t initial;     ///< value of registers without a reset: 0 zeros, 1 ones, 2 random
    bool assertions;     ///< whether assertions are checked
};

struct PortInfo {
    const char* name;
    uint32_t width;
    bool input;
};

/// Values of `StopInfo::kind`.
enum Kind : int32_t { KindError = 0, KindFatal = 1, KindStop = 2, KindFinish = 3, KindRuntime = 4 };

/// Why an instance stopped. The strings live as long as the instance does.
struct StopInfo {
    int32_t kind;
    const char* file;
    int32_t line;
    const char* message;
};

/// One instance of a design. Every method returns to the caller, whatever the design does.
class Model {
public:
    virtual ~Model() = default;

    /// Clock low, inputs applied, settled, outputs sampled, clock high. False: stopped, see `stop`.
    virtual bool cycle(const uint64_t* inputs, uint64_t* outputs) noexcept = 0;
    /// Inputs applied with the clock low, settled, in no time and without assertions. False: stopped.
    virtual bool apply(const uint64_t* inputs) noexcept = 0;
    /// Runs the `final` blocks. False: stopped.
    virtual bool finish() noexcept = 0;
    /// Null while the instance has not stopped.
    virtual const StopInfo* stop() const noexcept = 0;

    virtual size_t port_count() const noexcept = 0;
    virtual const PortInfo* port(size_t index) const noexcept = 0;

    /// These return null, or the reason why not.
    virtual const char* trace_open(const char* path) noexcept = 0;
    virtual const char* trace_flush() noexcept = 0;
    virtual const char* trace_close() noexcept = 0;
    virtual const char* coverage_write(const char* path) noexcept = 0;

    /// Text printed by `$display` and the like since the last `clear_output`; not terminated by a zero.
    virtual const char* output() const noexcept = 0;
    virtual size_t output_bytes() const noexcept = 0;
    virtual void clear_output() noexcept = 0;

    /// Simulation time in units of the design's time precision.
    virtual uint64_t time() const noexcept = 0;
};

/// The one symbol that a design's library exports. Null if the instance could not be made; then `error` says why.
using Create = Model* (*)(const Services*, const Setup*, char* error, size_t error_bytes);
constexpr const char* CREATE_SYMBOL = "verilated_abi_create";

}  // namespace verilated_abi
