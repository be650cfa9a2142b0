// Ragged classes for tests: ranges, tile tables and buffers sized exactly, so that AddressSanitizer sees one past the
// end.
#pragma once

#include "../../kernels/classes.cuh"
#include "check.h"

#include <functional>
#include <vector>

namespace ddoq::tests {

struct ClassSize {
    int rows, centroids;
};

class RaggedClasses {
  public:
    // `padding` is added to every row of a Gram-shaped array.
    explicit RaggedClasses(const std::vector<ClassSize>& sizes, int padding = 0) {
        for (const ClassSize& size : sizes) {
            ranges.push_back({rows, centroids, gram, size.rows, size.centroids, size.rows + padding, 0});
            rows += size.rows;
            centroids += size.centroids;
            gram += static_cast<int64_t>(size.rows) * (size.rows + padding);
        }
    }

    std::vector<int32_t> tiles(const std::function<int(const ClassRange&)>& count) const {
        std::vector<int32_t> begin{0};
        for (const ClassRange& range : ranges)
            begin.push_back(begin.back() + count(range));
        return begin;
    }

    int32_t count() const { return static_cast<int32_t>(ranges.size()); }

    std::vector<ClassRange> ranges;
    int64_t rows = 0, centroids = 0, gram = 0;
};

template <class T>
constexpr const char* TypeName = "";
template <>
inline constexpr const char* TypeName<half_t> = "f16";
template <>
inline constexpr const char* TypeName<bfloat16_t> = "bf16";
template <>
inline constexpr const char* TypeName<float> = "f32";

inline const std::vector<int> OddSizes{0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 129, 255, 256, 257, 443, 1000};

// A size for a fiber order: all of them come up, each with another order.
inline int odd_size(uint64_t order) {
    return OddSizes[order % OddSizes.size()];
}

inline emulation::LaunchShape shape(unsigned grid, int threads, int shared_bytes, uint64_t order) {
    return {{grid, 1, 1}, {static_cast<unsigned>(threads), 1, 1}, static_cast<size_t>(shared_bytes), order};
}

} // namespace ddoq::tests
