// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "verilated/src/bridge.rs.h"

namespace verilated_host {
namespace {

size_t lz4(const uint8_t* source, size_t bytes, uint8_t* target, size_t capacity) {
    return lz4_compress(rust::Slice<const uint8_t>{source, bytes}, rust::Slice<uint8_t>{target, capacity});
}

size_t zlib(const uint8_t* source, size_t bytes, int level, uint8_t* target, size_t capacity) {
    return zlib_compress(rust::Slice<const uint8_t>{source, bytes}, level,
                         rust::Slice<uint8_t>{target, capacity});
}

constexpr verilated_abi::Services SERVICES{lz4, zlib};

void check(const char* failure) {
    if (failure) throw std::runtime_error{failure};
}

}  // namespace

std::shared_ptr<Library> open_library(rust::Str path) {
    const std::string name{path};
    void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char* const reason = dlerror();
        throw std::runtime_error{reason ? reason : "dlopen failed"};
    }
    void* const symbol = dlsym(handle, verilated_abi::CREATE_SYMBOL);
    if (!symbol) {
        throw std::runtime_error{name + ": not a library of this kind: no " + verilated_abi::CREATE_SYMBOL};
    }
    return std::make_shared<Library>(reinterpret_cast<verilated_abi::Create>(symbol));
}

std::unique_ptr<Model> Library::create(int32_t seed, int32_t initial, bool assertions) const {
    const verilated_abi::Setup setup{seed, initial, assertions};
    char error[512] = "";
    std::unique_ptr<Model> model{m_create(&SERVICES, &setup, error, sizeof error)};
    if (!model) throw std::runtime_error{error};
    return model;
}

std::unique_ptr<Model> create_model(const Library& library, int32_t seed, int32_t initial, bool assertions) {
    return library.create(seed, initial, assertions);
}

rust::Vec<PortRecord> model_ports(const Model& model) {
    rust::Vec<PortRecord> ports;
    for (size_t index = 0; index < model.port_count(); ++index) {
        const verilated_abi::PortInfo* const port = model.port(index);
        ports.push_back(PortRecord{rust::String::lossy(port->name), port->width, port->input});
    }
    return ports;
}

StopRecord model_stop(const Model& model) {
    const verilated_abi::StopInfo* const stop = model.stop();
    if (!stop) return StopRecord{verilated_abi::KindRuntime, "", 0, "stopped without a reason", model.time()};
    return StopRecord{stop->kind, rust::String::lossy(stop->file), stop->line > 0 ? uint32_t(stop->line) : 0,
                      rust::String::lossy(stop->message), model.time()};
}

rust::String take_output(Model& model) {
    rust::String text = rust::String::lossy(model.output(), model.output_bytes());
    model.clear_output();
    return text;
}

void trace_open(Model& model, rust::Str path) { check(model.trace_open(std::string{path}.c_str())); }
void trace_flush(Model& model) { check(model.trace_flush()); }
void trace_close(Model& model) { check(model.trace_close()); }
void coverage_write(Model& model, rust::Str path) { check(model.coverage_write(std::string{path}.c_str())); }

}  // namespace verilated_host
