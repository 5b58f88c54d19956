// SPDX-License-Identifier: Apache-2.0
// The part of LZ4's interface that the wave writer uses, served by the host (see abi.h).
#pragma once
inline int LZ4_compressBound(int bytes) { return bytes + bytes / 255 + 64; }
int LZ4_compress_default(const char* source, char* target, int bytes, int capacity);
