// SPDX-License-Identifier: Apache-2.0
// Loads a design's shared library and makes instances of it.
#pragma once
#include <memory>

#include "rust/cxx.h"
#include "runtime/abi.h"

namespace verilated_host {
using Model = verilated_abi::Model;
struct PortRecord;
struct StopRecord;

/// A loaded library. It stays loaded until the process ends: Verilator's run time keeps thread-local state that
/// may outlive any handle.
class Library {
public:
    explicit Library(verilated_abi::Create create)
        : m_create{create} {}
    std::unique_ptr<Model> create(int32_t seed, int32_t initial, bool assertions) const;

private:
    verilated_abi::Create m_create;
};

std::shared_ptr<Library> open_library(rust::Str path);
std::unique_ptr<Model> create_model(const Library& library, int32_t seed, int32_t initial, bool assertions);
rust::Vec<PortRecord> model_ports(const Model& model);
StopRecord model_stop(const Model& model);
rust::String take_output(Model& model);
void trace_open(Model& model, rust::Str path);
void trace_flush(Model& model);
void trace_close(Model& model);
void coverage_write(Model& model, rust::Str path);
}  // namespace verilated_host
