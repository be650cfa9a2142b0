// ddoq_cluster_support_f32 against plain fp64 iterations on the rows themselves, without Gram matrix or mixture.
#include "../../kernels/cluster.cuh"
#include "../../kernels/counter_random.cuh"
#include "classes.h"

#include <algorithm>
#include <cstring>

using namespace ddoq;
using namespace ddoq::tests;

namespace {

using Points = std::vector<std::vector<double>>;

constexpr float Nudge = 1.0f / 32;

double distance(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t d = 0; d < a.size(); d++)
        sum += (a[d] - b[d]) * (a[d] - b[d]);
    return std::sqrt(sum);
}

// Distances below a floor are 0, as they are for the kernel.
double mean_distance(const Points& a, const Points& b, double floor) {
    double sum = 0;
    for (const auto& x : a)
        for (const auto& y : b)
            sum += distance(x, y) > floor ? distance(x, y) : 0.0;
    return sum / (static_cast<double>(a.size()) * static_cast<double>(b.size()));
}

// Distances below it count as it: a thousandth of the rows' root mean square.
double floor_of(const Points& rows) {
    double sum = 0;
    for (const auto& row : rows)
        for (const double value : row)
            sum += value * value;
    return std::sqrt(1e-6 * sum / static_cast<double>(rows.size()));
}

double energy_distance(const Points& rows, const Points& points) {
    const double floor = floor_of(rows);
    return 2 * mean_distance(points, rows, floor) - mean_distance(rows, rows, floor) -
           mean_distance(points, points, floor);
}

// One round of the majorant's minimum.
Points round_of(const Points& rows, const Points& points) {
    const double floor = floor_of(rows);
    Points moved;
    const double mass = static_cast<double>(rows.size()) / static_cast<double>(points.size());
    for (size_t k = 0; k < points.size(); k++) {
        std::vector<double> sum(points[k].size());
        double pulls = 0;
        for (const auto& row : rows) {
            const double pull = 1 / std::max(floor, distance(points[k], row));
            pulls += pull;
            for (size_t d = 0; d < sum.size(); d++)
                sum[d] += pull * row[d];
        }
        for (size_t l = 0; l < points.size(); l++)
            if (l != k)
                for (size_t d = 0; d < sum.size(); d++)
                    sum[d] += mass * (points[k][d] - points[l][d]) / std::max(floor, distance(points[k], points[l]));
        for (double& value : sum)
            value /= pulls;
        moved.push_back(sum);
    }
    return moved;
}

ClusterOptions options(uint64_t seed, int rounds = 300) {
    ClusterOptions o{};
    o.seed = seed;
    o.max_iterations = rounds;
    return o;
}

// Rows of several classes around their mean, and what the kernel makes of them.
class Problem {
  public:
    // `distinct`: rows that differ, 0 for all; the others repeat them.
    Problem(const std::vector<ClassSize>& sizes, int dimension, uint64_t seed, int distinct = 0) : classes(sizes, 3) {
        Source source(seed);
        gram.resize(static_cast<size_t>(classes.gram), NAN);
        int64_t bytes = 0, elements = 0;
        for (const ClassRange& range : classes.ranges) {
            Points x;
            for (int i = 0; i < range.row_count; i++) {
                if (distinct > 0 && i >= distinct) {
                    x.push_back(x[static_cast<size_t>(i % distinct)]);
                    continue;
                }
                std::vector<double> row(static_cast<size_t>(dimension));
                for (int d = 0; d < dimension; d++)
                    row[static_cast<size_t>(d)] = source.gaussian() / (1 + d) + (i % 3) * (d == 0 ? 2 : 0);
                x.push_back(row);
            }
            for (size_t i = 0; i < x.size(); i++)
                for (size_t j = 0; j < x.size(); j++) {
                    double sum = 0;
                    for (size_t d = 0; d < x[i].size(); d++)
                        sum += x[i][d] * x[j][d];
                    gram[static_cast<size_t>(range.gram_begin) + i * static_cast<size_t>(range.gram_stride) + j] =
                        static_cast<float>(sum);
                    if (i == j)
                        norms.push_back(static_cast<float>(sum));
                }
            rows.push_back(x);
            cluster_classes.push_back({bytes, elements, 5 + static_cast<int>(cluster_classes.size()), 2});
            bytes += cluster_workspace_bytes(range, 2, true);
            elements += int64_t{range.centroid_count} * range.gram_stride;
            reports.push_back({INFINITY, -1, -1, -1, 0, NAN});
        }
        workspace.resize(static_cast<size_t>(bytes / 8), 0xFFFFFFFFFFFFFFFFull);
        labels.resize(static_cast<size_t>(classes.rows), -7);
        counts.resize(static_cast<size_t>(classes.centroids), -7);
        combined.resize(counts.size(), -7);
        combinations.resize(static_cast<size_t>(elements), NAN);
        running.resize(counts.size(), -7);
        companion.resize(counts.size(), NAN);
    }

    void launch(const ClusterOptions& o, unsigned grid = 2, uint64_t order = 0) {
        int32_t next_class = 0;
        ClusterParameters p{};
        p.gram = gram.data();
        p.row_norms = norms.data();
        p.classes = classes.ranges.data();
        p.cluster_classes = cluster_classes.data();
        p.workspace = reinterpret_cast<unsigned char*>(workspace.data());
        p.labels = labels.data();
        p.counts = counts.data();
        p.combined = combined.data();
        p.combinations = combinations.data();
        p.running_counts = running.data();
        p.companion_weights = companion.data();
        p.reports = reports.data();
        p.next_class = &next_class;
        p.class_count = classes.count();
        p.options = o;
        emulation::launch("ddoq_cluster_support_f32", shape(grid, ClusterThreads, ClusterSharedBytes, order), &p);
    }

    float coefficient(size_t c, int k, int i) const {
        return combinations[static_cast<size_t>(cluster_classes[c].combination_begin +
                                                int64_t{k} * classes.ranges[c].gram_stride + i)];
    }

    Points points(size_t c) const {
        Points found;
        for (int k = 0; k < classes.ranges[c].centroid_count; k++) {
            std::vector<double> x(rows[c][0].size());
            for (int i = 0; i < classes.ranges[c].row_count; i++)
                for (size_t d = 0; d < x.size(); d++)
                    x[d] += static_cast<double>(coefficient(c, k, i)) * rows[c][static_cast<size_t>(i)][d];
            found.push_back(x);
        }
        return found;
    }

    // The first points: rows without replacement, each nudged towards another.
    Points start(size_t c, uint64_t seed) const {
        const int count = classes.ranges[c].row_count, wanted = classes.ranges[c].centroid_count;
        CounterRandom random;
        random.open(seed, static_cast<uint64_t>(static_cast<uint32_t>(cluster_classes[c].number)) << 32 | 1u);
        std::vector<int> order(static_cast<size_t>(count));
        for (int i = 0; i < count; i++)
            order[static_cast<size_t>(i)] = i;
        for (int k = 0; k < wanted; k++)
            std::swap(order[static_cast<size_t>(k)], order[static_cast<size_t>(k + random.next_below(count - k))]);
        Points placed;
        for (int k = 0; k < wanted; k++) {
            const auto& row = rows[c][static_cast<size_t>(order[static_cast<size_t>(k)])];
            const auto& other = rows[c][static_cast<size_t>(random.next_below(count))];
            std::vector<double> x(row.size());
            for (size_t d = 0; d < x.size(); d++)
                x[d] = (1 - static_cast<double>(Nudge)) * row[d] + static_cast<double>(Nudge) * other[d];
            placed.push_back(x);
        }
        return placed;
    }

    RaggedClasses classes;
    std::vector<Points> rows;
    std::vector<float> gram, norms;
    std::vector<ClusterClass> cluster_classes;
    std::vector<uint64_t> workspace;
    std::vector<int32_t> labels, counts, combined;
    std::vector<float> combinations;
    std::vector<int64_t> running;
    std::vector<double> companion;
    std::vector<ClusterReport> reports;
};

void one_round() {
    Problem problem({{60, 7}, {33, 4}, {20, 1}}, 5, 3);
    problem.launch(options(11, 1));
    for (size_t c = 0; c < 3; c++) {
        const Points start = problem.start(c, 11), found = problem.points(c);
        Points expected = round_of(problem.rows[c], start);
        for (size_t k = 0; k < expected.size(); k++)
            for (size_t d = 0; d < expected[k].size(); d++) // a step without a mixture is stretched
                expected[k][d] += 0.9 * (expected[k][d] - start[k][d]);
        check(problem.reports[c].iterations == 1, "class ", c, ": ", problem.reports[c].iterations, " rounds");
        for (size_t k = 0; k < found.size(); k++)
            // A point starts beside its row, where fp32 knows the distance less well than elsewhere.
            check(distance(found[k], expected[k]) <= 2e-3, "class ", c, ": point ", k, " is off by ",
                  distance(found[k], expected[k]));
    }
}

void reaches_the_energy_of_plain_rounds() {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Problem problem({{130, 10}, {61, 20}, {40, 3}, {0, 0}, {9, 8}, {500, 6}}, 6, seed);
        problem.launch(options(seed), 3, seed);
        for (size_t c = 0; c < problem.rows.size(); c++) {
            if (problem.rows[c].empty())
                continue;
            const std::string where = "seed " + std::to_string(seed) + " class " + std::to_string(c);
            const Points found = problem.points(c);
            const double reached = energy_distance(problem.rows[c], found);
            Points plain = problem.start(c, seed);
            for (int64_t round = 0; round < problem.reports[c].iterations; round++)
                plain = round_of(problem.rows[c], plain);
            const double theirs = energy_distance(problem.rows[c], plain);
            check(reached <= theirs * 1.001 + 1e-5, where, ": energy distance ", reached,
                  ", as many plain rounds reach ", theirs);
            check(std::abs(problem.reports[c].energy_distance - reached) <= 1e-5 * (1 + reached), where, ": reports ",
                  problem.reports[c].energy_distance, ", its points have ", reached);
            const ClassRange& range = problem.classes.ranges[c];
            int total = 0;
            for (int k = 0; k < range.centroid_count; k++) {
                double sum = 0;
                for (int i = 0; i < range.row_count; i++)
                    sum += static_cast<double>(problem.coefficient(c, k, i));
                check(std::abs(sum - 1) <= 1e-4, where, ": coefficients of point ", k, " sum to ", sum);
                check(problem.combined[static_cast<size_t>(range.centroid_begin + k)] == 1, where, ": flag of ", k);
                total += problem.counts[static_cast<size_t>(range.centroid_begin + k)];
            }
            check(total == range.row_count, where, ": counts sum to ", total);
            for (int i = 0; i < range.row_count; i++) {
                const auto& row = problem.rows[c][static_cast<size_t>(i)];
                double nearest = INFINITY;
                for (const auto& point : found)
                    nearest = std::min(nearest, distance(row, point));
                const int label = problem.labels[static_cast<size_t>(range.row_begin + i)];
                check(distance(row, found[static_cast<size_t>(label)]) <= nearest + 1e-3, where, ": label of row ", i);
            }
        }
    }
}

// As many points as rows, one row, equal rows, fewer distinct rows than points: all end, and give no energy away.
void small_and_equal() {
    Problem whole({{12, 12}, {1, 1}, {2, 1}, {3, 2}}, 4, 5);
    whole.launch(options(1), 2, 1);
    check(std::abs(whole.reports[0].energy_distance) <= 1e-6, "K = N: ", whole.reports[0].energy_distance);
    check(std::abs(whole.reports[1].energy_distance) <= 1e-6, "one row: ", whole.reports[1].energy_distance);
    check(std::isfinite(whole.reports[2].distortion) && std::isfinite(whole.reports[3].distortion), "two, three rows");
    Problem equal({{20, 5}}, 4, 5, 1);
    equal.launch(options(1), 1, 2);
    check(equal.reports[0].energy_distance <= 1e-2, "equal rows: ", equal.reports[0].energy_distance);
    Problem few({{40, 12}}, 4, 6, 5);
    few.launch(options(1), 1, 3);
    const double reached = energy_distance(few.rows[0], few.points(0));
    Points plain = few.start(0, 1);
    for (int64_t round = 0; round < few.reports[0].iterations; round++)
        plain = round_of(few.rows[0], plain);
    check(reached <= 1.01 * energy_distance(few.rows[0], plain) + 1e-4, "five distinct rows: ", reached, ", plain ",
          energy_distance(few.rows[0], plain));
}

void restarts_keep_the_least_energy() {
    Problem problem({{50, 4}}, 3, 9);
    ClusterOptions o = options(4);
    double least = INFINITY;
    for (o.restart = 0; o.restart < 4; o.restart++) {
        Problem alone({{50, 4}}, 3, 9);
        alone.launch(o);
        least = std::min(least, alone.reports[0].distortion);
        problem.launch(o);
    }
    check(problem.reports[0].distortion == least, "kept ", problem.reports[0].distortion, ", the least is ", least);
}

void fiber_orders() {
    Problem first({{70, 7}, {0, 0}, {401, 5}, {5, 5}}, 5, 3);
    first.launch(options(2, 12), 1, 0);
    for (uint64_t order = 1; order <= 12; order++) {
        Problem other({{70, 7}, {0, 0}, {401, 5}, {5, 5}}, 5, 3);
        other.launch(options(2, 12), 1 + static_cast<unsigned>(order % 3), order);
        check(other.labels == first.labels && other.counts == first.counts &&
                  std::memcmp(other.combinations.data(), first.combinations.data(),
                              first.combinations.size() * sizeof(float)) == 0,
              "order ", order, ": other results");
    }
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"one round", one_round},
                      {"reaches the energy of plain rounds", reaches_the_energy_of_plain_rounds},
                      {"small and equal", small_and_equal},
                      {"restarts keep the least energy", restarts_keep_the_least_energy},
                      {"fiber orders", fiber_orders}});
}
