// SPDX-License-Identifier: Apache-2.0
//! Compiles the loader, the only C++ that cargo builds. Designs are compiled when they are asked for.

fn main() {
    cxx_build::bridge("src/bridge.rs").file("cpp/host.cc").include("cpp").std("c++17").compile("verilated_host");
    println!("cargo:rerun-if-changed=src/bridge.rs");
    println!("cargo:rerun-if-changed=cpp/host.cc");
    println!("cargo:rerun-if-changed=cpp/host.h");
    println!("cargo:rerun-if-changed=cpp/runtime/abi.h");
}
