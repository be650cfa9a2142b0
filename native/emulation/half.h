// fp16 and bf16 as bit patterns with IEEE conversions (round to nearest, ties to even).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace ddoq::emulation {

inline float float_from_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline uint32_t bits_of(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

struct half_t {
    uint16_t bits;
};

struct bfloat16_t {
    uint16_t bits;
};

inline float widen_half(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7FFFu;
    if (magnitude >= 0x7C00u)
        return float_from_bits(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
    // Multiplying by 2^112 moves the exponent bias from 15 to 127, and is exact for subnormals too.
    return float_from_bits(sign | bits_of(float_from_bits(magnitude << 13) * 0x1p112f));
}

inline float to_float(half_t value) {
    static const std::array<float, 65536> table = [] {
        std::array<float, 65536> values{};
        for (uint32_t i = 0; i < 65536; i++)
            values[i] = widen_half(static_cast<uint16_t>(i));
        return values;
    }();
    return table[value.bits];
}

inline float to_float(bfloat16_t value) {
    return float_from_bits(static_cast<uint32_t>(value.bits) << 16);
}

inline half_t to_half(float value) {
    const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return {static_cast<uint16_t>(sign | 0x7E00u)};
    if (magnitude >= 0x477FF000u) // 65520 and above round to infinity
        return {static_cast<uint16_t>(sign | 0x7C00u)};
    if (magnitude < 0x38800000u) { // below 2^-14: a fixed-point sum with 0.5 rounds at the subnormal spacing 2^-24
        const float shifted = float_from_bits(magnitude) + 0.5f;
        return {static_cast<uint16_t>(sign | (bits_of(shifted) - 0x3F000000u))};
    }
    const uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u) - 0x38000000u;
    return {static_cast<uint16_t>(sign | rounded >> 13)};
}

inline bfloat16_t to_bfloat16(float value) {
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return {static_cast<uint16_t>(bits >> 16 | 0x40u)};
    return {static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16)};
}

} // namespace ddoq::emulation
