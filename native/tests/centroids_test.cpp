// ddoq_centroids_mean_*, ddoq_centroids_combine_* and ddoq_distances_*: bits of a plain loop, fp64, odd sizes, orders.
#include "../../kernels/centroids.cuh"
#include "classes.h"

using namespace ddoq;
using namespace ddoq::tests;

namespace {

constexpr float Untouched = -777.0f;

struct Options {
    int dimension;
    int stride_extra = 0;
    unsigned grid = 5;
    uint64_t order = 0;
    uint64_t seed = 1;
};

// Means must equal the plain loop bit for bit: rows in order in fp32, one product with 1 / count.
template <class T>
void run_means(const std::vector<ClassSize>& sizes, const Options& o) {
    Source source(o.seed);
    const RaggedClasses classes(sizes);
    const int64_t stride = o.dimension + o.stride_extra;
    const auto rows = gaussian_rows<T>(source, static_cast<size_t>(classes.rows * stride));
    std::vector<int32_t> labels(static_cast<size_t>(classes.rows));
    for (const ClassRange& range : classes.ranges)
        for (int i = 0; i < range.row_count; i++) // some rows count nowhere, some cells stay empty
            labels[static_cast<size_t>(range.row_begin + i)] =
                range.centroid_count == 0 ? -1 : source.integer(-1, range.centroid_count - 1) / 2 * 2;
    std::vector<float> centroids(static_cast<size_t>(classes.centroids * o.dimension), Untouched);
    std::vector<int32_t> counts(static_cast<size_t>(classes.centroids), -7);
    const auto tiles =
        classes.tiles([&](const ClassRange& r) { return r.centroid_count * column_chunks(o.dimension); });
    const CentroidsParameters p{rows.data(),      classes.ranges.data(), tiles.data(), labels.data(),
                                centroids.data(), counts.data(),         stride,       o.dimension,
                                o.dimension,      classes.count()};
    const std::string symbol = std::string("ddoq_centroids_mean_") + TypeName<T>;
    emulation::launch(symbol, shape(o.grid, CentroidsThreads, CentroidsSharedBytes, o.order), &p);
    for (const ClassRange& range : classes.ranges)
        for (int k = 0; k < range.centroid_count; k++) {
            std::vector<float> sums(static_cast<size_t>(o.dimension));
            int count = 0;
            for (int i = 0; i < range.row_count; i++) {
                if (labels[static_cast<size_t>(range.row_begin + i)] != k)
                    continue;
                count++;
                for (int d = 0; d < o.dimension; d++)
                    sums[static_cast<size_t>(d)] +=
                        to_float(rows[static_cast<size_t>((range.row_begin + i) * stride + d)]);
            }
            if (o.dimension > 0)
                check(counts[static_cast<size_t>(range.centroid_begin + k)] == count, symbol, " D=", o.dimension,
                      " order=", o.order, ": count of centroid ", k, " is ",
                      counts[static_cast<size_t>(range.centroid_begin + k)], " not ", count);
            for (int d = 0; d < o.dimension; d++) {
                const float value = centroids[static_cast<size_t>((range.centroid_begin + k) * o.dimension + d)];
                const float expected =
                    count == 0 ? Untouched : static_cast<float>(sums[static_cast<size_t>(d)] * (1.0 / count));
                check(value == expected, symbol, " D=", o.dimension, " order=", o.order, " seed=", o.seed,
                      ": centroid ", k, " column ", d, " is ", value, " not ", expected);
            }
        }
}

template <class T>
void run_combinations(const std::vector<ClassSize>& sizes, const Options& o, bool centred) {
    Source source(o.seed);
    const RaggedClasses classes(sizes, 3);
    const int64_t stride = o.dimension + o.stride_extra;
    const auto rows = gaussian_rows<T>(source, static_cast<size_t>(classes.rows * stride));
    std::vector<float> means(static_cast<size_t>(classes.count() * o.dimension));
    for (float& mean : means)
        mean = source.gaussian();
    std::vector<int64_t> coefficient_begin;
    int64_t coefficient_count = 0;
    for (const ClassRange& range : classes.ranges) {
        coefficient_begin.push_back(coefficient_count);
        coefficient_count += int64_t{range.centroid_count} * range.gram_stride;
    }
    std::vector<float> coefficients(static_cast<size_t>(coefficient_count));
    for (float& value : coefficients)
        value = source.integer(0, 2) == 0 ? 0.0f : source.gaussian();
    std::vector<int32_t> selected(static_cast<size_t>(classes.centroids));
    for (int32_t& flag : selected)
        flag = source.integer(0, 3) != 0;
    std::vector<float> centroids(static_cast<size_t>(classes.centroids * o.dimension), Untouched);
    const auto tiles = classes.tiles([&](const ClassRange& r) { return combine_tiles(r.centroid_count, o.dimension); });
    const CombineParameters p{rows.data(),
                              centred ? means.data() : nullptr,
                              classes.ranges.data(),
                              tiles.data(),
                              coefficients.data(),
                              coefficient_begin.data(),
                              selected.data(),
                              centroids.data(),
                              stride,
                              o.dimension,
                              o.dimension,
                              classes.count()};
    const std::string symbol = std::string("ddoq_centroids_combine_") + TypeName<T>;
    emulation::launch(symbol, shape(o.grid, CentroidsThreads, 0, o.order), &p);
    LargestError ours, naive;
    for (size_t c = 0; c < classes.ranges.size(); c++) {
        const ClassRange& range = classes.ranges[c];
        for (int k = 0; k < range.centroid_count; k++)
            for (int d = 0; d < o.dimension; d++) {
                const float value = centroids[static_cast<size_t>((range.centroid_begin + k) * o.dimension + d)];
                if (selected[static_cast<size_t>(range.centroid_begin + k)] == 0) {
                    check(value == Untouched, symbol, ": centroid ", k, " was not selected");
                    continue;
                }
                const float mean = centred ? means[c * static_cast<size_t>(o.dimension) + static_cast<size_t>(d)] : 0;
                double sum = mean;
                float naive_sum = 0;
                for (int i = 0; i < range.row_count; i++) {
                    const float w =
                        coefficients[static_cast<size_t>(coefficient_begin[c] + int64_t{k} * range.gram_stride + i)];
                    const float x = to_float(rows[static_cast<size_t>((range.row_begin + i) * stride + d)]);
                    sum += static_cast<double>(w) * (static_cast<double>(x) - mean);
                    naive_sum += w * (x - mean);
                }
                ours.add(value, sum);
                naive.add(naive_sum + mean, sum);
            }
    }
    check_low_precision(ours, naive, 1e-6, symbol + " D=" + std::to_string(o.dimension));
}

template <class T>
void run_distances(const std::vector<ClassSize>& sizes, const Options& o) {
    Source source(o.seed);
    const RaggedClasses classes(sizes);
    const int64_t stride = o.dimension + o.stride_extra;
    const auto rows = gaussian_rows<T>(source, static_cast<size_t>(classes.rows * stride));
    const auto centroids = gaussian_rows<float>(source, static_cast<size_t>(classes.centroids * o.dimension));
    std::vector<int32_t> labels(static_cast<size_t>(classes.rows));
    for (const ClassRange& range : classes.ranges)
        for (int i = 0; i < range.row_count; i++)
            labels[static_cast<size_t>(range.row_begin + i)] = source.integer(-1, range.centroid_count - 1);
    std::vector<double> distances(static_cast<size_t>(classes.rows), NAN);
    const auto tiles = classes.tiles([](const ClassRange& r) { return ceiling_divide(r.row_count, DistancesRows); });
    const DistancesParameters p{
        rows.data(),      centroids.data(), classes.ranges.data(), tiles.data(), labels.data(),
        distances.data(), stride,           o.dimension,           o.dimension,  classes.count()};
    const std::string symbol = std::string("ddoq_distances_") + TypeName<T>;
    emulation::launch(symbol, shape(o.grid, DistancesThreads, 0, o.order), &p);
    LargestError ours, naive;
    for (const ClassRange& range : classes.ranges)
        for (int i = 0; i < range.row_count; i++) {
            const auto r = static_cast<size_t>(range.row_begin + i);
            double sum = 0;
            float naive_sum = 0;
            for (int d = 0; d < o.dimension && labels[r] >= 0; d++) {
                const float x = to_float(rows[r * static_cast<size_t>(stride) + static_cast<size_t>(d)]);
                const float m = centroids[static_cast<size_t>((range.centroid_begin + labels[r]) * o.dimension + d)];
                sum += (static_cast<double>(x) - m) * (static_cast<double>(x) - m);
                naive_sum += (x - m) * (x - m);
            }
            ours.add(distances[r], sum);
            naive.add(naive_sum, sum);
        }
    check_low_precision(ours, naive, 1e-7 * (1 + o.dimension), symbol + " D=" + std::to_string(o.dimension));
}

const std::vector<ClassSize> Few{{40, 3}, {0, 2}, {5, 0}, {33, 17}, {1, 1}};

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (int dimension : OddSizes) {
        const Options o{
            .dimension = dimension, .stride_extra = static_cast<int>(seed % 3) * 4, .order = seed, .seed = seed};
        run_means<T>(Few, o);
        run_combinations<T>(Few, o, seed % 2 == 0);
        run_distances<T>(Few, o);
        seed++;
    }
    run_means<T>({{9, 2}}, {.dimension = 4099}); // more than two chunks of columns, and a tail
    run_means<T>({{9, 2}}, {.dimension = 4104});
    for (int rows : OddSizes) {
        run_means<T>({{rows, 3}, {2, rows / 50}}, {.dimension = 24, .seed = seed});
        run_combinations<T>({{rows, 3}, {2, 9}}, {.dimension = 24, .seed = seed}, true);
        run_distances<T>({{rows, 3}, {2, 9}}, {.dimension = 24, .seed = seed});
        seed++;
    }
}

template <class T>
void fiber_orders() {
    for (uint64_t order = 0; order < FiberOrders; order++) {
        const Options o{.dimension = 140, .grid = 1 + static_cast<unsigned>(order % 4), .order = order, .seed = order};
        run_means<T>({{600, 5}, {odd_size(order), 2}}, o);
        run_combinations<T>({{30, 9}, {odd_size(order), 2}}, o, true);
        run_distances<T>({{30, 9}, {odd_size(order), 2}}, o);
    }
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
