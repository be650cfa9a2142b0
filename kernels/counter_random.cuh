// Philox4x32-10: random numbers as a pure function of (seed, stream, counter), the same draws as
// Ddoq.Numerics.CounterRandom. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC
// 2011).
#pragma once

#include "scalar.cuh"

namespace ddoq {

struct RandomBlock {
    uint32_t words[4];
};

__device__ inline RandomBlock random_block(uint64_t seed, uint64_t stream, uint64_t counter) {
    uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
    uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
        c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c1 = static_cast<uint32_t>(p1);
        c3 = static_cast<uint32_t>(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// A cursor over one stream.
struct CounterRandom {
    uint64_t seed, stream, block;
    uint32_t words[4];
    int32_t used;

    __device__ void open(uint64_t with_seed, uint64_t with_stream) {
        seed = with_seed;
        stream = with_stream;
        block = 0;
        used = 4;
    }

    __device__ uint32_t next() {
        if (used == 4) {
            const RandomBlock drawn = random_block(seed, stream, block++);
            for (int i = 0; i < 4; i++)
                words[i] = drawn.words[i];
            used = 0;
        }
        return words[used++];
    }

    // Uniform in [0, 1) with 53 random bits.
    __device__ double next_double() {
        const uint64_t high = next() >> 5, low = next() >> 6;
        return static_cast<double>(high << 26 | low) * (1.0 / 9007199254740992.0);
    }

    // Uniform in [0, upper), without modulo bias.
    __device__ int next_below(int upper) {
        const uint32_t range = static_cast<uint32_t>(upper), threshold = (0u - range) % range;
        while (true) {
            const uint64_t product = static_cast<uint64_t>(next()) * range;
            if (static_cast<uint32_t>(product) >= threshold)
                return static_cast<int>(product >> 32);
        }
    }
};

} // namespace ddoq
