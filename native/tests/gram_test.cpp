// ddoq_gram_* against fp64: odd sizes, strides, symmetry, the diagonal, fiber orders.
#include "../../kernels/gram.cuh"
#include "check.h"

using namespace ddoq;
using namespace ddoq::tests;

namespace {

struct Variant {
    std::string symbol;
    TileShape shape;
};

template <class T>
Variant variant();
template <>
Variant variant<half_t>() {
    return {"ddoq_gram_tensor_f16", GramTensor};
}
template <>
Variant variant<bfloat16_t>() {
    return {"ddoq_gram_tensor_bf16", GramTensor};
}
template <>
Variant variant<float>() {
    return {"ddoq_gram_fma_f32", GramFp32};
}

struct Options {
    int dimension;
    int stride_extra = 0;
    bool exact = false;
    bool norms = true;
    unsigned grid = 3;
    uint64_t order = 0;
    uint64_t seed = 1;
};

constexpr float Untouched = -12345.0f;

template <class T>
void run(const std::vector<int>& sizes, const Options& o) {
    const Variant v = variant<T>();
    Source source(o.seed);
    std::vector<ClassRange> classes;
    std::vector<int32_t> tile_begin{0};
    int64_t row_total = 0, gram_total = 0;
    for (int n : sizes) {
        const int gram_stride = n + static_cast<int>(o.seed % 3);
        classes.push_back({row_total, 0, gram_total, n, 0, gram_stride, 0});
        tile_begin.push_back(tile_begin.back() + gram_tiles(v.shape.block_rows, v.shape.block_columns, n));
        row_total += n;
        gram_total += static_cast<int64_t>(n) * gram_stride;
    }
    const size_t dimension = static_cast<size_t>(o.dimension), stride = dimension + static_cast<size_t>(o.stride_extra);
    const auto rows = o.exact ? integer_rows<T>(source, static_cast<size_t>(row_total) * stride, 3)
                              : gaussian_rows<T>(source, static_cast<size_t>(row_total) * stride);
    std::vector<float> norms(static_cast<size_t>(row_total));
    for (size_t i = 0; i < norms.size(); i++)
        norms[i] = 1000.0f + static_cast<float>(i); // not the norms: they must be copied, not computed
    std::vector<float> gram(static_cast<size_t>(gram_total), Untouched);

    GramParameters p{};
    p.rows = rows.data();
    p.row_norms = o.norms ? norms.data() : nullptr;
    p.classes = classes.data();
    p.tile_begin = tile_begin.data();
    p.gram = gram.data();
    p.row_stride = static_cast<int64_t>(stride);
    p.dimension = o.dimension;
    p.class_count = static_cast<int32_t>(classes.size());
    emulation::launch(v.symbol,
                      {{o.grid, 1, 1},
                       {static_cast<unsigned>(v.shape.threads()), 1, 1},
                       static_cast<size_t>(v.shape.shared_bytes(1)),
                       o.order},
                      &p);

    std::ostringstream where;
    where << v.symbol << " D=" << o.dimension << " order=" << o.order << " seed=" << o.seed;
    LargestError ours, naive;
    for (const ClassRange& c : classes)
        for (int i = 0; i < c.row_count; i++) {
            for (int j = 0; j < c.row_count; j++) {
                const float value = gram[static_cast<size_t>(c.gram_begin + int64_t{i} * c.gram_stride + j)];
                if (i == j && o.norms) {
                    check(value == norms[static_cast<size_t>(c.row_begin + i)], where.str(), ": diagonal ", i);
                    continue;
                }
                double sum = 0;
                float naive_sum = 0;
                for (size_t d = 0; d < dimension; d++) {
                    const float a = to_float(rows[static_cast<size_t>(c.row_begin + i) * stride + d]);
                    const float b = to_float(rows[static_cast<size_t>(c.row_begin + j) * stride + d]);
                    sum += static_cast<double>(a) * static_cast<double>(b);
                    naive_sum += a * b;
                }
                ours.add(value, sum);
                naive.add(naive_sum, sum);
                check(value == gram[static_cast<size_t>(c.gram_begin + int64_t{j} * c.gram_stride + i)], where.str(),
                      ": not symmetric at ", i, ", ", j);
            }
            for (int j = c.row_count; j < c.gram_stride; j++)
                check(gram[static_cast<size_t>(c.gram_begin + int64_t{i} * c.gram_stride + j)] == Untouched,
                      where.str(), ": padding written at row ", i);
        }
    check_low_precision(ours, naive, o.exact ? 0.0 : 1e-7 * o.dimension, where.str());
}

const std::vector<int> OddSizes{0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 129, 255, 256, 257, 443, 1000};

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (int dimension : OddSizes)
        run<T>({5, 0, 1, 33}, {.dimension = dimension, .seed = seed++});
    for (int n : OddSizes)
        run<T>({n, 3}, {.dimension = 9, .norms = n % 2 == 0, .seed = seed++});
}

template <class T>
void exact() {
    run<T>({130, 7, 257}, {.dimension = 70, .exact = true, .norms = false});
}

template <class T>
void strides() {
    for (int extra : {1, 3, 8})
        run<T>({40, 2}, {.dimension = 72, .stride_extra = extra});
}

template <class T>
void fiber_orders() {
    for (uint64_t order = 0; order < FiberOrders; order++)
        run<T>({150, 20}, {.dimension = 260, .grid = 1 + static_cast<unsigned>(order % 3), .order = order});
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"odd sizes f16", odd_sizes<half_t>},
                      {"odd sizes bf16", odd_sizes<bfloat16_t>},
                      {"odd sizes f32", odd_sizes<float>},
                      {"exact f16", exact<half_t>},
                      {"exact bf16", exact<bfloat16_t>},
                      {"exact f32", exact<float>},
                      {"strides f16", strides<half_t>},
                      {"strides f32", strides<float>},
                      {"fiber orders f16", fiber_orders<half_t>},
                      {"fiber orders bf16", fiber_orders<bfloat16_t>},
                      {"fiber orders f32", fiber_orders<float>}});
}
