// ddoq_clvq_update_*: the bits of a plain loop over the steps, companion weights in fp64, odd sizes, fiber orders.
#include "../../kernels/clvq_update.cuh"
#include "classes.h"

using namespace ddoq;
using namespace ddoq::tests;

namespace {

struct Options {
    int dimension;
    double scale = 0, offset = 0;
    int prior = 1;
    bool companion = true;
    int stride_extra = 0;
    unsigned grid = 4;
    uint64_t order = 0, seed = 1;
};

template <class T>
void run(const std::vector<ClassSize>& sizes, const Options& o) {
    Source source(o.seed);
    const RaggedClasses classes(sizes);
    const int64_t stride = o.dimension + o.stride_extra;
    auto centroids = gaussian_rows<float>(source, static_cast<size_t>(classes.centroids * o.dimension));
    const auto before = centroids;
    std::vector<int64_t> counts(static_cast<size_t>(classes.centroids)), after(counts.size(), -7), steps;
    std::vector<double> companion(counts.size());
    for (int64_t& count : counts)
        count = source.integer(0, 3) == 0 ? 0 : source.integer(1, 500);
    for (double& weight : companion)
        weight = source.integer(1, 100) / 1000.0;
    const auto companion_before = companion;
    for (size_t c = 0; c < classes.ranges.size(); c++)
        steps.push_back(source.integer(0, 1000));

    const auto tiles =
        classes.tiles([&](const ClassRange& r) { return r.centroid_count * column_chunks(o.dimension); });
    const auto rows = gaussian_rows<T>(source, static_cast<size_t>(classes.rows * stride));
    std::vector<int32_t> labels(static_cast<size_t>(classes.rows));
    for (const ClassRange& range : classes.ranges)
        for (int i = 0; i < range.row_count; i++)
            labels[static_cast<size_t>(range.row_begin + i)] = source.integer(-1, range.centroid_count - 1) / 2 * 2;
    ClvqUpdateParameters p{};
    p.rows = rows.data();
    p.classes = classes.ranges.data();
    p.tile_begin = tiles.data();
    p.labels = labels.data();
    p.step_begin = steps.data();
    p.centroids = centroids.data();
    p.counts = counts.data();
    p.counts_after = after.data();
    p.companion_weights = o.companion ? companion.data() : nullptr;
    p.scale = o.scale;
    p.offset = o.offset;
    p.row_stride = stride;
    p.centroid_stride = o.dimension;
    p.dimension = o.dimension;
    p.class_count = classes.count();
    p.prior = o.prior;
    const std::string symbol = std::string("ddoq_clvq_update_") + TypeName<T>;
    emulation::launch(symbol, shape(o.grid, CentroidsThreads, CentroidsSharedBytes, o.order), &p);

    for (size_t c = 0; c < classes.ranges.size() && o.dimension > 0; c++) {
        const ClassRange& range = classes.ranges[c];
        for (int k = 0; k < range.centroid_count; k++) {
            const auto g = static_cast<size_t>(range.centroid_begin + k);
            int64_t won = counts[g];
            double weight = companion_before[g];
            std::vector<float> z(before.begin() + static_cast<long>(g) * o.dimension,
                                 before.begin() + static_cast<long>(g + 1) * o.dimension);
            const float prior = static_cast<float>(won + o.prior);
            for (float& value : z)
                value = o.scale != 0 ? value : prior == 0 ? 0 : prior * value;
            for (int i = 0; i < range.row_count; i++) {
                const double step = static_cast<double>(steps[c] + i + 1);
                const int label = labels[static_cast<size_t>(range.row_begin + i)];
                const double rate = o.scale == 0 ? 1 / (range.centroid_count + step) : o.scale / (o.offset + step);
                if (label >= 0)
                    weight = (1 - rate) * weight + (label == k ? rate : 0);
                if (label != k)
                    continue;
                won++;
                for (int d = 0; d < o.dimension; d++) {
                    const float x = to_float(rows[static_cast<size_t>((range.row_begin + i) * stride + d)]);
                    float& value = z[static_cast<size_t>(d)];
                    value = o.scale == 0 ? value + x
                                         : fmaf(static_cast<float>(rate), x, (1 - static_cast<float>(rate)) * value);
                }
            }
            check(after[g] == won, symbol, ": count ", k, " is ", after[g], " not ", won);
            if (o.companion)
                check(std::abs(companion[g] - weight) <= 1e-14, symbol, ": companion weight ", k);
            const float scale = o.scale == 0 ? 1 / static_cast<float>(won + o.prior) : 1;
            for (int d = 0; d < o.dimension; d++) {
                const float expected = won == counts[g]
                                           ? before[g * static_cast<size_t>(o.dimension) + static_cast<size_t>(d)]
                                           : z[static_cast<size_t>(d)] * scale;
                const float value = centroids[g * static_cast<size_t>(o.dimension) + static_cast<size_t>(d)];
                check(value == expected, symbol, " D=", o.dimension, " order=", o.order, ": centroid ", k, " column ",
                      d, " is ", value, " not ", expected);
            }
        }
    }
}

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (const int size : OddSizes) {
        const bool counting = seed % 2 == 0;
        run<T>({{30, 3}, {0, 2}, {5, 1}}, {.dimension = size,
                                           .scale = counting ? 0 : 1.0,
                                           .offset = 10,
                                           .prior = static_cast<int>(seed % 3 == 0),
                                           .companion = seed % 5 != 0,
                                           .stride_extra = static_cast<int>(seed % 3) * 4,
                                           .seed = seed});
        run<T>({{size, 3}, {2, 1 + size / 50}},
               {.dimension = 24, .scale = counting ? 2.0 : 0, .offset = 3, .seed = seed});
        seed++;
    }
    run<T>({{9, 2}}, {.dimension = 4099});
}

template <class T>
void fiber_orders() {
    for (uint64_t order = 0; order < FiberOrders; order++)
        run<T>({{300, 4}, {odd_size(order), 2}}, {.dimension = 140,
                                                  .scale = order % 2 == 0 ? 0 : 1.0,
                                                  .offset = 5,
                                                  .grid = 1 + static_cast<unsigned>(order % 4),
                                                  .order = order,
                                                  .seed = order});
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"odd sizes f16", odd_sizes<half_t>},
                      {"odd sizes bf16", odd_sizes<bfloat16_t>},
                      {"odd sizes f32", odd_sizes<float>},
                      {"fiber orders f16", fiber_orders<half_t>},
                      {"fiber orders bf16", fiber_orders<bfloat16_t>},
                      {"fiber orders f32", fiber_orders<float>}});
}
