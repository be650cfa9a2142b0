// Asynchronous copies, ldmatrix and mma as PTX documents them, lane by lane.
//
// A copy's bytes arrive when the copying thread waits for their group, the latest moment a device may choose, and the
// destination is overwritten with NaN patterns when the copy is issued, the earliest. So a missing wait reads NaN, a
// missing barrier after a wait reads another thread's NaN, and a copy into a buffer still in use destroys it.
#pragma once

#include "intrinsics.h"

namespace ddoq::emulation {

inline void issue_copy(void* destination, const void* source, int bytes) {
    Block& block = *running_block;
    if (reinterpret_cast<uintptr_t>(destination) % 16 != 0 || reinterpret_cast<uintptr_t>(source) % 16 != 0)
        block.fault("a 16-byte asynchronous copy from or to an address that is not a multiple of 16");
    if (bytes < 0 || bytes > 16)
        block.fault("an asynchronous copy of %d of 16 bytes", bytes);
    std::memset(destination, 0xFF, 16);
    block.current().open.push_back({destination, source, bytes});
}

inline void commit_copies() {
    Fiber& fiber = running_block->current();
    fiber.committed.push_back(std::move(fiber.open));
    fiber.open.clear();
}

inline void wait_for_copies(size_t groups_left) {
    Fiber& fiber = running_block->current();
    while (fiber.committed.size() > groups_left) {
        for (const PendingCopy& copy : fiber.committed.front()) {
            std::memset(copy.destination, 0, 16);
            std::memcpy(copy.destination, copy.source, static_cast<size_t>(copy.bytes));
        }
        fiber.committed.erase(fiber.committed.begin());
    }
}

// ldmatrix.sync.aligned.m8n8.x4.shared.b16: lane l names row l % 8 of matrix l / 8; lane t receives, from each matrix,
// the two elements at row t / 4, columns 2 (t % 4) and 2 (t % 4) + 1.
inline void load_matrix_x4(uint32_t* registers, const void* row) {
    Block& block = *running_block;
    Warp& warp = block.warp();
    const unsigned lane = block.lane();
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
        block.fault("ldmatrix from an address that is not a multiple of 16");
    warp.in[lane][0] = reinterpret_cast<uint64_t>(row);
    warp.in[lane][1] = reinterpret_cast<uint64_t>(registers);
    block.meet(WarpOperation::LoadMatrix, [](Warp& w) {
        for (unsigned t = 0; t < 32; t++)
            for (unsigned m = 0; m < 4; m++) {
                const auto* source = reinterpret_cast<const unsigned char*>(w.in[m * 8 + t / 4][0]);
                std::memcpy(reinterpret_cast<uint32_t*>(w.in[t][1]) + m, source + t % 4 * 4, 4);
            }
    });
}

// mma.sync.aligned.m16n8k16.row.col.f32.T.T.f32. Products are exact; a device's order of the 16 additions is not
// documented, so they are summed here in double and rounded once, then added to the accumulator.
template <class T>
void multiply_accumulate(float* accumulator, const uint32_t* a, const uint32_t* b) {
    Block& block = *running_block;
    Warp& warp = block.warp();
    const unsigned lane = block.lane();
    warp.in[lane][0] = reinterpret_cast<uint64_t>(accumulator);
    warp.in[lane][1] = reinterpret_cast<uint64_t>(a);
    warp.in[lane][2] = reinterpret_cast<uint64_t>(b);
    block.meet(WarpOperation::Multiply, [](Warp& w) {
        double left[16][16], right[16][8]; // (row, k) and (k, column)
        const auto unpack = [](uint64_t registers, unsigned index, double& low, double& high) {
            T pair[2];
            std::memcpy(pair, reinterpret_cast<const uint32_t*>(registers) + index, 4);
            low = static_cast<double>(to_float(pair[0]));
            high = static_cast<double>(to_float(pair[1]));
        };
        for (unsigned t = 0; t < 32; t++) {
            const unsigned group = t / 4, k = t % 4 * 2;
            unpack(w.in[t][1], 0, left[group][k], left[group][k + 1]);
            unpack(w.in[t][1], 1, left[group + 8][k], left[group + 8][k + 1]);
            unpack(w.in[t][1], 2, left[group][k + 8], left[group][k + 9]);
            unpack(w.in[t][1], 3, left[group + 8][k + 8], left[group + 8][k + 9]);
            unpack(w.in[t][2], 0, right[k][group], right[k + 1][group]);
            unpack(w.in[t][2], 1, right[k + 8][group], right[k + 9][group]);
        }
        for (unsigned row = 0; row < 16; row++) {
            double sums[8] = {};
            for (unsigned k = 0; k < 16; k++)
                for (unsigned column = 0; column < 8; column++)
                    sums[column] += left[row][k] * right[k][column];
            for (unsigned column = 0; column < 8; column++) {
                const unsigned holder = row % 8 * 4 + column / 2;
                reinterpret_cast<float*>(w.in[holder][0])[(row / 8) * 2 + column % 2] +=
                    static_cast<float>(sums[column]);
            }
        }
    });
}

} // namespace ddoq::emulation
