// SPDX-License-Identifier: Apache-2.0
// The part of zlib's interface that the wave writer uses, served by the host (see abi.h).
#pragma once
using Bytef = unsigned char;
using uLong = unsigned long;
using uLongf = unsigned long;
constexpr int Z_OK = 0;
constexpr int Z_BUF_ERROR = -5;
inline uLong compressBound(uLong bytes) { return bytes + (bytes >> 10) + (bytes >> 4) + 64; }
int compress2(Bytef* target, uLongf* capacity, const Bytef* source, uLong bytes, int level);
