// ddoq_assign_* and ddoq_centroid_parts_* against fp64: odd sizes, exact ties, fiber orders.
#include "../../kernels/assign.cuh"
#include "../../kernels/norms.cuh"
#include "classes.h"

#include <algorithm>

using namespace ddoq;
using namespace ddoq::tests;

namespace {

struct Variant {
    std::string symbol;
    const TileShape* shape;
};

template <class T>
std::vector<Variant> variants() {
    if constexpr (std::is_same_v<T, float>)
        return {{"ddoq_assign_fma_f32", &AssignFp32}};
    const std::string type = TypeName<T>;
    return {{"ddoq_assign_k16_" + type, &AssignK16},
            {"ddoq_assign_k64_" + type, &AssignK64},
            {"ddoq_assign_k128_" + type, &AssignK128},
            {"ddoq_assign_k256_" + type, &AssignK256}};
}

struct Size {
    int rows, centroids;
};

struct Options {
    int dimension;
    int stride_extra = 0; // row stride minus D
    int parts = 1;
    bool exact = false; // small integers with many equal distances
    unsigned grid = 3;
    uint64_t order = 0;
    uint64_t seed = 1;
};

// Rows and fp32 centroids of several classes, the kernel's outputs, and what fp64 says.
template <class T>
void run(const Variant& variant, const std::vector<Size>& sizes, const Options& o) {
    Source source(o.seed);
    std::vector<ClassRange> classes;
    std::vector<int32_t> tile_begin{0};
    size_t row_total = 0, centroid_total = 0;
    for (const Size& size : sizes) {
        classes.push_back({static_cast<int64_t>(row_total), static_cast<int64_t>(centroid_total), 0, size.rows,
                           size.centroids, 0, 0});
        tile_begin.push_back(tile_begin.back() + assign_tiles(*variant.shape, size.rows));
        row_total += static_cast<size_t>(size.rows);
        centroid_total += static_cast<size_t>(size.centroids);
    }
    const size_t dimension = static_cast<size_t>(o.dimension), stride = dimension + static_cast<size_t>(o.stride_extra);
    const auto rows =
        o.exact ? integer_rows<T>(source, row_total * stride, 1) : gaussian_rows<T>(source, row_total * stride);
    std::vector<float> centroids(centroid_total * dimension);
    for (float& value : centroids)
        value = o.exact ? static_cast<float>(source.integer(-1, 1)) : source.gaussian();
    if (o.exact && dimension > 0) // every third centroid repeats an earlier one, often in another warp's columns
        for (size_t k = 2; k < centroid_total; k += 3)
            std::copy_n(&centroids[source.bits() % k * dimension], dimension, &centroids[k * dimension]);

    std::vector<T> parts(static_cast<size_t>(o.parts) * centroid_total * stride);
    std::vector<float> centroid_norms(centroid_total), row_norms(row_total), distances(row_total, NAN);
    std::vector<int32_t> labels(row_total, -7);
    const std::string type = TypeName<T>;
    const emulation::LaunchShape flat{{2, 1, 1}, {NormsThreads, 1, 1}, 0, o.order};
    if constexpr (std::is_same_v<T, float>) {
        for (size_t k = 0; k < centroid_total; k++)
            std::copy_n(centroids.begin() + static_cast<long>(k * dimension), dimension,
                        parts.begin() + static_cast<long>(k * stride));
        const NormsParameters norms{parts.data(),
                                    centroid_norms.data(),
                                    static_cast<int64_t>(stride),
                                    static_cast<int64_t>(centroid_total),
                                    o.dimension,
                                    0};
        emulation::launch("ddoq_norms_f32", flat, &norms);
    } else {
        const CentroidPartsParameters split{centroids.data(),
                                            parts.data(),
                                            centroid_norms.data(),
                                            o.dimension,
                                            static_cast<int64_t>(stride),
                                            static_cast<int64_t>(centroid_total * stride),
                                            static_cast<int64_t>(centroid_total),
                                            o.dimension,
                                            o.parts};
        emulation::launch("ddoq_centroid_parts_" + type, flat, &split);
    }
    const NormsParameters norms{
        rows.data(), row_norms.data(), static_cast<int64_t>(stride), static_cast<int64_t>(row_total), o.dimension, 0};
    emulation::launch("ddoq_norms_" + type, flat, &norms);

    AssignParameters parameters{};
    parameters.rows = rows.data();
    parameters.centroids = parts.data();
    parameters.centroid_norms = centroid_norms.data();
    parameters.row_norms = row_norms.data();
    parameters.classes = classes.data();
    parameters.tile_begin = tile_begin.data();
    parameters.labels = labels.data();
    parameters.distances = distances.data();
    parameters.row_stride = static_cast<int64_t>(stride);
    parameters.centroid_stride = static_cast<int64_t>(stride);
    parameters.centroid_part_stride = static_cast<int64_t>(centroid_total * stride);
    parameters.dimension = o.dimension;
    parameters.class_count = static_cast<int32_t>(classes.size());
    parameters.parts = o.parts;
    emulation::launch(variant.symbol,
                      {{o.grid, 1, 1},
                       {static_cast<unsigned>(variant.shape->threads()), 1, 1},
                       static_cast<size_t>(variant.shape->shared_bytes(o.parts)),
                       o.order},
                      &parameters);

    std::ostringstream where;
    where << variant.symbol << " D=" << o.dimension << " parts=" << o.parts << " order=" << o.order
          << " seed=" << o.seed;
    LargestError ours, naive, our_distance, naive_distance;
    std::vector<double> scores;
    for (size_t c = 0; c < classes.size(); c++) {
        for (int i = 0; i < classes[c].row_count; i++) {
            const size_t r = static_cast<size_t>(classes[c].row_begin) + static_cast<size_t>(i);
            const T* x = &rows[r * stride];
            scores.assign(static_cast<size_t>(classes[c].centroid_count), 0.0);
            double norm = 0;
            float naive_norm = 0;
            for (size_t d = 0; d < dimension; d++) {
                norm += static_cast<double>(to_float(x[d])) * static_cast<double>(to_float(x[d]));
                naive_norm += to_float(x[d]) * to_float(x[d]);
            }
            int nearest = -1, naive_nearest = -1;
            float naive_best = INFINITY;
            for (int k = 0; k < classes[c].centroid_count; k++) {
                const float* centroid =
                    &centroids[(static_cast<size_t>(classes[c].centroid_begin) + static_cast<size_t>(k)) * dimension];
                double dot = 0, square = 0;
                float naive_dot = 0, naive_square = 0;
                for (size_t d = 0; d < dimension; d++) {
                    // The naive code rounds centroids to the row type; fp64 keeps them when two parts are used.
                    const float rounded = to_float(round_to<T>(centroid[d])), value = to_float(x[d]);
                    const double used = o.parts == 2 ? centroid[d] : rounded;
                    dot += used * static_cast<double>(value);
                    square += used * used;
                    naive_dot += rounded * value;
                    naive_square += rounded * rounded;
                }
                scores[static_cast<size_t>(k)] = square - 2 * dot;
                const float naive_score = naive_square - 2 * naive_dot;
                naive.add(naive_score, scores[static_cast<size_t>(k)]);
                if (naive_score < naive_best) {
                    naive_best = naive_score;
                    naive_nearest = k;
                }
                if (nearest < 0 || scores[static_cast<size_t>(k)] < scores[static_cast<size_t>(nearest)])
                    nearest = k;
            }
            const int label = labels[r];
            if (classes[c].centroid_count == 0) {
                check(label == -1, where.str(), ": class without centroids, row ", i, " has label ", label);
                continue;
            }
            check(label >= 0 && label < classes[c].centroid_count, where.str(), ": class ", c, " row ", i,
                  " has label ", label, " of ", classes[c].centroid_count);
            if (o.exact)
                check(label == nearest, where.str(), ": class ", c, " row ", i, " has label ", label,
                      ", the lowest nearest is ", nearest);
            ours.add(scores[static_cast<size_t>(label)], scores[static_cast<size_t>(nearest)]);
            our_distance.add(distances[r], std::max(0.0, norm + scores[static_cast<size_t>(nearest)]));
            naive_distance.add(std::max(0.0f, naive_norm + naive_best),
                               std::max(0.0, norm + scores[static_cast<size_t>(nearest)]));
            (void)naive_nearest;
        }
    }
    const double tiny = 1e-6 * (1 + o.dimension);
    check_low_precision(ours, naive, o.exact ? 0.0 : tiny, where.str() + " chosen score");
    check_low_precision(our_distance, naive_distance, o.exact ? 0.0 : tiny, where.str() + " distance");
}

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (const Variant& variant : variants<T>()) {
        // Every D with a few ragged classes (every third for the wide shapes, which differ only in width); every N and
        // K at a small D.
        for (size_t i = 0; i<OddSizes.size(); i += variant.shape->block_columns> 64 ? 3 : 1)
            run<T>(variant, {{7, 3}, {0, 2}, {33, 17}, {1, 0}, {2, 1}},
                   {.dimension = OddSizes[i],
                    .parts = sizeof(T) == 2 ? 1 + static_cast<int>(seed % 2) : 1,
                    .order = seed,
                    .seed = seed++});
        for (size_t i = 0; i < OddSizes.size(); i++)
            run<T>(variant, {{OddSizes[i], OddSizes[(i * 5 + 3) % OddSizes.size()]}, {9, OddSizes[i]}},
                   {.dimension = 24, .exact = i % 2 == 0, .order = seed, .seed = seed++});
    }
}

template <class T>
void strides() {
    for (const Variant& variant : variants<T>())
        for (int extra : {1, 3, 8})
            run<T>(variant, {{40, 10}, {5, 4}},
                   {.dimension = 72, .stride_extra = extra, .parts = sizeof(T) == 2 ? 2 : 1, .seed = 11});
}

template <class T>
void ties() {
    for (const Variant& variant : variants<T>()) {
        run<T>(variant, {{300, 16}, {31, 64}, {129, 128}}, {.dimension = 9, .exact = true, .seed = 5});
        run<T>(variant, {{70, 257}, {40, 600}}, {.dimension = 16, .exact = true, .seed = 6});
    }
}

template <class T>
void fiber_orders() {
    for (const Variant& variant : variants<T>())
        for (uint64_t order = 0; order < FiberOrders; order++)
            run<T>(variant, {{45, 30}, {odd_size(order), 9}},
                   {.dimension = 140,
                    .parts = sizeof(T) == 2 ? 1 + static_cast<int>(order % 2) : 1,
                    .exact = order % 2 == 1,
                    .grid = 1 + static_cast<unsigned>(order % 3),
                    .order = order,
                    .seed = order + 100});
}

// An H100's 132 blocks and six tiles a class, the last of them short: every tile once, and no block gets more than one
// short tile above another.
void dealing() {
    constexpr int Grid = 132, Tiles = 6, Classes = 1000;
    std::vector<int> taken(Classes * Tiles), short_tiles(Grid);
    for (int block = 0; block < Grid; block++)
        for (int wave = 0;; wave++) {
            const int tile = dealt_tile(wave, block, Grid);
            if (tile >= Classes * Tiles)
                break;
            taken[static_cast<size_t>(tile)]++;
            short_tiles[static_cast<size_t>(block)] += tile % Tiles == Tiles - 1;
        }
    check(std::count(taken.begin(), taken.end(), 1) == Classes * Tiles, "a tile is not taken once");
    const auto [least, most] = std::minmax_element(short_tiles.begin(), short_tiles.end());
    check(*most - *least <= 1, "a block has ", *least, " short tiles, another ", *most);
}

// No wrong value may pass as right: rows of NaN get no label, one NaN centroid is never chosen.
void not_a_number() {
    const Variant variant = variants<half_t>()[0];
    std::vector<half_t> rows(2 * 8, round_to<half_t>(1.0f)), centroids(3 * 8, round_to<half_t>(1.0f));
    for (int i = 0; i < 8; i++)
        rows[static_cast<size_t>(i)] = round_to<half_t>(NAN);
    centroids[0] = round_to<half_t>(NAN);
    const std::vector<float> norms{NAN, 8, 8};
    const std::vector<ClassRange> classes{{0, 0, 0, 2, 3, 0, 0}};
    const std::vector<int32_t> tiles{0, 1};
    std::vector<int32_t> labels(2, -7);
    AssignParameters p{};
    p.rows = rows.data();
    p.centroids = centroids.data();
    p.centroid_norms = norms.data();
    p.classes = classes.data();
    p.tile_begin = tiles.data();
    p.labels = labels.data();
    p.row_stride = p.centroid_stride = 8;
    p.dimension = 8;
    p.class_count = 1;
    p.parts = 1;
    emulation::launch(variant.symbol, {{1, 1, 1}, {256, 1, 1}, static_cast<size_t>(variant.shape->shared_bytes(1)), 0},
                      &p);
    check(labels[0] == -1, "a row of NaN has label ", labels[0]);
    check(labels[1] == 1, "beside a NaN centroid the label is ", labels[1]);
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"odd sizes f16", odd_sizes<half_t>},
                      {"odd sizes bf16", odd_sizes<bfloat16_t>},
                      {"odd sizes f32", odd_sizes<float>},
                      {"strides f16", strides<half_t>},
                      {"strides f32", strides<float>},
                      {"exact ties f16", ties<half_t>},
                      {"exact ties bf16", ties<bfloat16_t>},
                      {"exact ties f32", ties<float>},
                      {"fiber orders f16", fiber_orders<half_t>},
                      {"fiber orders bf16", fiber_orders<bfloat16_t>},
                      {"fiber orders f32", fiber_orders<float>},
                      {"dealing of tiles", dealing},
                      {"not a number", not_a_number}});
}
