// SPDX-License-Identifier: Apache-2.0
// Read before everything else in every file of a design's library: it takes over printing and stopping, which
// Verilator's run time would otherwise do with printf and exit. Precompiled, since it is most of the compile time.
#pragma once

namespace verilated_abi {
int print(const char* format, ...) __attribute__((format(printf, 1, 2)));
}

#define VL_PRINTF ::verilated_abi::print
#define VL_USER_FINISH
#define VL_USER_STOP
#define VL_USER_FATAL

#include <exception>
#include <memory>
#include <string>

#include "verilated.h"
