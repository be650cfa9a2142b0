// ddoq_gram_* against fp64: odd sizes, strides, symmetry, the diagonal, fiber orders.
#include "../../kernels/centroids.cuh"
#include "../../kernels/gram.cuh"
#include "../../kernels/norms.cuh"
#include "classes.h"

#include <algorithm>

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

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (int dimension : OddSizes)
        run<T>({5, 0, 1, 33}, {.dimension = dimension, .order = seed, .seed = seed++});
    for (int n : OddSizes)
        run<T>({n, 3}, {.dimension = 9, .norms = n % 2 == 0, .order = seed, .seed = seed++});
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
        run<T>({150, std::min(odd_size(order), 300)}, {.dimension = 260,
                                                       .exact = order % 2 == 1,
                                                       .grid = 1 + static_cast<unsigned>(order % 3),
                                                       .order = order,
                                                       .seed = order});
}

// Shifts and norms of ddoq_center turn products of rows into products of rows less their mean.
template <class T>
void centred() {
    const Variant v = variant<T>();
    for (int dimension : {5, 40, 129}) {
        Source source(3);
        const RaggedClasses classes({{40, 0}, {0, 0}, {9, 0}});
        auto rows = gaussian_rows<T>(source, static_cast<size_t>(classes.rows * dimension));
        for (T& value : rows) // a common offset far from 0
            value = round_to<T>(to_float(value) + 4.0f);
        std::vector<float> means(static_cast<size_t>(3 * dimension), NAN),
            norms(static_cast<size_t>(classes.rows), NAN);
        std::vector<float> shifts(norms.size(), NAN), gram(static_cast<size_t>(classes.gram), NAN);
        const ClassMeanParameters mean{rows.data(), classes.ranges.data(), means.data(), dimension, dimension, 3};
        emulation::launch(std::string("ddoq_class_mean_") + TypeName<T>, shape(2, CentroidsThreads, 0, 1), &mean);
        const auto center_tiles =
            classes.tiles([](const ClassRange& r) { return ceiling_divide(r.row_count, CenterRows); });
        const CenterParameters center{rows.data(),         means.data(), classes.ranges.data(),
                                      center_tiles.data(), norms.data(), shifts.data(),
                                      dimension,           dimension,    3};
        emulation::launch(std::string("ddoq_center_") + TypeName<T>, shape(3, NormsThreads, 0, 1), &center);
        const auto tiles = classes.tiles(
            [&](const ClassRange& r) { return gram_tiles(v.shape.block_rows, v.shape.block_columns, r.row_count); });
        GramParameters p{};
        p.rows = rows.data();
        p.row_norms = norms.data();
        p.row_shifts = shifts.data();
        p.classes = classes.ranges.data();
        p.tile_begin = tiles.data();
        p.gram = gram.data();
        p.row_stride = dimension;
        p.dimension = dimension;
        p.class_count = 3;
        emulation::launch(v.symbol, shape(2, v.shape.threads(), v.shape.shared_bytes(1), 1), &p);
        LargestError ours, naive;
        for (size_t c = 0; c < classes.ranges.size(); c++) {
            const ClassRange& range = classes.ranges[c];
            const auto at = [&](int row, int d) {
                return to_float(rows[static_cast<size_t>((range.row_begin + row) * dimension + d)]);
            };
            for (int d = 0; d < dimension; d++) {
                float sum = 0;
                for (int i = 0; i < range.row_count; i++)
                    sum += at(i, d);
                const float expected =
                    range.row_count == 0 ? 0 : to_float(round_to<half_t>(sum / static_cast<float>(range.row_count)));
                check(means[c * static_cast<size_t>(dimension) + static_cast<size_t>(d)] == expected, "class mean ", d);
            }
            for (int i = 0; i < range.row_count; i++)
                for (int j = 0; j < range.row_count; j++) {
                    double sum = 0;
                    float naive_sum = 0, naive_i = 0, naive_j = 0;
                    for (int d = 0; d < dimension; d++) {
                        const float m = means[c * static_cast<size_t>(dimension) + static_cast<size_t>(d)];
                        sum += (static_cast<double>(at(i, d)) - m) * (static_cast<double>(at(j, d)) - m);
                        naive_sum += at(i, d) * at(j, d);
                        naive_i += m * (at(i, d) - m / 2);
                        naive_j += m * (at(j, d) - m / 2);
                    }
                    ours.add(gram[static_cast<size_t>(range.gram_begin + int64_t{i} * range.gram_stride + j)], sum);
                    naive.add(naive_sum - (naive_i + naive_j), sum);
                }
        }
        check_low_precision(ours, naive, 1e-7 * dimension, v.symbol + " centred");
    }
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
                      {"centred f16", centred<half_t>},
                      {"centred bf16", centred<bfloat16_t>},
                      {"centred f32", centred<float>},
                      {"strides f16", strides<half_t>},
                      {"strides f32", strides<float>},
                      {"fiber orders f16", fiber_orders<half_t>},
                      {"fiber orders bf16", fiber_orders<bfloat16_t>},
                      {"fiber orders f32", fiber_orders<float>}});
}
