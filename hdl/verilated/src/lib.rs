//! Turns any SystemVerilog design into a shared library with Verilator 5, loads it, runs it.
