// ddoq_cluster_* against the plain fp64 reference: the same labels, counts, combinations and reports; fiber orders.
#include "classes.h"
#include "cluster_reference.h"

using namespace ddoq;
using namespace ddoq::tests;

namespace {

enum class Algorithm { Lloyd, Batches, Clvq };

constexpr const char* symbol_of(Algorithm algorithm) {
    return algorithm == Algorithm::Lloyd     ? "ddoq_cluster_lloyd_f32"
           : algorithm == Algorithm::Batches ? "ddoq_cluster_batches_f32"
                                             : "ddoq_cluster_clvq_f32";
}

ClusterOptions options(int centroids) {
    ClusterOptions o{};
    o.seed = 17;
    o.reassignment_ratio = 0.01;
    o.requested_centroids = centroids;
    o.max_iterations = 300;
    o.refine = 1;
    o.batch_size = 32;
    o.passes = 1;
    o.km_expand = 1;
    o.max_no_improvement = 10;
    return o;
}

// Gram matrices of random rows, the kernel's outputs for them, and what they say.
class Problem {
  public:
    // `period`: row i equals row i - period; 0 for none.
    Problem(const std::vector<ClassSize>& sizes, int dimension, uint64_t seed, bool repeated = false, int period = 0,
            int padding = 1)
        : classes(sizes, padding), gram(static_cast<size_t>(classes.gram), NAN),
          norms(static_cast<size_t>(classes.rows)) {
        Source source(seed);
        for (const ClassRange& range : classes.ranges) {
            std::vector<double> x(static_cast<size_t>(range.row_count * dimension));
            for (double& value : x)
                value = repeated ? source.integer(-1, 1) : static_cast<double>(source.gaussian());
            if (period > 0)
                for (size_t i = static_cast<size_t>(period * dimension); i < x.size(); i++)
                    x[i] = x[i - static_cast<size_t>(period * dimension)];
            for (int i = 0; i < range.row_count; i++)
                for (int j = 0; j < range.row_count; j++) {
                    double sum = 0;
                    for (int d = 0; d < dimension; d++)
                        sum += x[static_cast<size_t>(i * dimension + d)] * x[static_cast<size_t>(j * dimension + d)];
                    gram[static_cast<size_t>(range.gram_begin + int64_t{i} * range.gram_stride + j)] =
                        static_cast<float>(sum);
                    if (i == j)
                        norms[static_cast<size_t>(range.row_begin + i)] = static_cast<float>(sum);
                }
        }
        int64_t bytes = 0, elements = 0;
        for (const ClassRange& range : classes.ranges) {
            const int trials = 2 + static_cast<int>(std::log(std::max(1, range.centroid_count)));
            cluster_classes.push_back({bytes, elements, 40 - static_cast<int>(cluster_classes.size()), trials});
            bytes += cluster_workspace_bytes(range, trials);
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

    void launch(Algorithm algorithm, const ClusterOptions& o, unsigned grid = 2, uint64_t order = 0,
                int32_t* next_class = nullptr) {
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
        p.next_class = next_class;
        p.class_count = classes.count();
        p.options = o;
        emulation::launch(symbol_of(algorithm), shape(grid, ClusterThreads, ClusterSharedBytes, order), &p);
    }

    ClusterReference reference(size_t c, const ClusterOptions& o) const {
        const ClassRange& range = classes.ranges[c];
        return {gram.data() + range.gram_begin,
                range.gram_stride,
                norms.data() + range.row_begin,
                range.row_count,
                range.centroid_count,
                cluster_classes[c].number,
                o};
    }

    RaggedClasses classes;
    std::vector<float> gram, norms;
    std::vector<ClusterClass> cluster_classes;
    std::vector<uint64_t> workspace;
    std::vector<int32_t> labels, counts, combined;
    std::vector<float> combinations;
    std::vector<int64_t> running;
    std::vector<double> companion;
    std::vector<ClusterReport> reports;
};

void compare(const Problem& problem, Algorithm algorithm, const ClusterOptions& o, const std::string& where,
             int64_t* reassigned = nullptr) {
    for (size_t c = 0; c < problem.classes.ranges.size(); c++) {
        const ClassRange& range = problem.classes.ranges[c];
        if (range.row_count == 0 || range.centroid_count == 0) {
            check(problem.reports[c].iterations == -1, where, ": an empty class has a report");
            continue;
        }
        ClusterReference reference = problem.reference(c, o);
        if (algorithm == Algorithm::Lloyd)
            reference.run_lloyd();
        else if (algorithm == Algorithm::Batches)
            reference.run_batches();
        else
            reference.run_clvq();
        if (reassigned != nullptr)
            *reassigned += reference.reassigned;
        const std::string class_text = where + " " + symbol_of(algorithm) + " class " + std::to_string(c) + " (" +
                                       std::to_string(range.row_count) + " rows, " +
                                       std::to_string(range.centroid_count) + " centroids)";
        const ClusterReport& report = problem.reports[c];
        const double distortion = reference.distortion();
        check(std::abs(report.distortion - distortion) <= 1e-5 * distortion + 1e-4, class_text, ": distortion ",
              report.distortion, " not ", distortion);
        // Before the kernel stops it sums changed cells again and looks once more: one round that the reference lacks.
        const int64_t more = report.iterations - reference.iterations;
        check(more == 0 || (more == 1 && algorithm == Algorithm::Lloyd && o.refine != 0), class_text, ": ",
              report.iterations, " iterations not ", reference.iterations);
        check(report.moves == reference.moves, class_text, ": ", report.moves, " moves not ", reference.moves);
        for (int i = 0; i < range.row_count; i++)
            check(problem.labels[static_cast<size_t>(range.row_begin + i)] == reference.labels[static_cast<size_t>(i)],
                  class_text, ": label of row ", i, " is ", problem.labels[static_cast<size_t>(range.row_begin + i)],
                  " not ", reference.labels[static_cast<size_t>(i)]);
        if (algorithm == Algorithm::Lloyd && o.refine != 0 && range.centroid_count > 1)
            check(reference.best_gain() <= 2e-6 * static_cast<double>(report.distortion + 1), class_text,
                  ": a move still gains ", reference.best_gain());
        for (int k = 0; k < range.centroid_count; k++) {
            const auto g = static_cast<size_t>(range.centroid_begin + k);
            const auto r = static_cast<size_t>(k);
            check(problem.counts[g] == reference.counts[r], class_text, ": count ", k, " is ", problem.counts[g],
                  " not ", reference.counts[r]);
            check(problem.running[g] == reference.running[r], class_text, ": running count ", k);
            check(std::abs(problem.companion[g] - reference.companion[r]) <= 1e-12, class_text, ": companion weight ",
                  k, " is ", problem.companion[g], " not ", reference.companion[r]);
            const bool is_mean = algorithm == Algorithm::Lloyd && reference.counts[r] > 0;
            check(problem.combined[g] == (is_mean ? 0 : 1), class_text, ": combined flag of ", k);
            if (is_mean)
                continue;
            for (int i = 0; i < range.row_count; i++) {
                const float w = problem.combinations[static_cast<size_t>(problem.cluster_classes[c].combination_begin +
                                                                         int64_t{k} * range.gram_stride + i)];
                check(std::abs(w - reference.weights(k)[static_cast<size_t>(i)]) <= 2e-6, class_text,
                      ": coefficient of row ", i, " in centroid ", k, " is ", w, " not ",
                      reference.weights(k)[static_cast<size_t>(i)]);
            }
        }
    }
}

const std::vector<ClassSize> Mixed{{60, 5}, {0, 0}, {33, 12}, {1, 1}, {2, 2}, {130, 40}, {9, 1}, {31, 31}, {5, 0}};

void lloyd() {
    for (const bool refine : {false, true})
        for (const auto initialization : {ClusterInitialization::Greedy, ClusterInitialization::Random})
            for (uint64_t seed = 1; seed <= 4; seed++) {
                Problem problem(Mixed, 6, seed);
                ClusterOptions o = options(40);
                o.seed = seed * 1000003;
                o.refine = refine;
                o.initialization = initialization;
                o.tolerance = seed == 3 ? 1e-2 : 0;
                o.max_iterations = seed == 4 ? 2 : 300;
                problem.launch(Algorithm::Lloyd, o, 2, seed);
                compare(problem, Algorithm::Lloyd, o, "seed " + std::to_string(seed));
            }
}

// Fewer distinct rows than centroids: equal rows at distance 0, cells that stay empty.
void repeated_rows() {
    for (uint64_t seed = 1; seed <= 6; seed++) {
        Problem problem({{40, 12}, {60, 40}, {20, 20}}, 2, seed, true);
        ClusterOptions o = options(40);
        o.seed = seed;
        problem.launch(Algorithm::Lloyd, o, 3, seed);
        for (size_t c = 0; c < 3; c++) {
            ClusterReference reference = problem.reference(c, o);
            reference.run_lloyd();
            const double distortion = reference.distortion();
            check(std::abs(problem.reports[c].distortion - distortion) <= 1e-4, "class ", c, ": distortion ",
                  problem.reports[c].distortion, " not ", distortion);
            const ClassRange& range = problem.classes.ranges[c];
            int total = 0;
            for (int k = 0; k < range.centroid_count; k++) {
                const auto g = static_cast<size_t>(range.centroid_begin + k);
                total += problem.counts[g];
                check((problem.counts[g] > 0) == (problem.combined[g] == 0), "flag of centroid ", k);
            }
            check(total == range.row_count, "counts sum to ", total);
        }
    }
}

// Centroids on equal rows leave cells empty, and rows at equal distances compete for them: exact in small integers, as
// long as no mean has been taken.
void empty_cells() {
    int64_t without_rows = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        Problem problem({{60, 30}, {150, 40}, {40, 20}}, 3, seed, true);
        ClusterOptions o = options(40);
        o.seed = seed;
        o.initialization = ClusterInitialization::Random;
        o.max_iterations = 1;
        o.refine = 0;
        problem.launch(Algorithm::Lloyd, o, 2, seed);
        compare(problem, Algorithm::Lloyd, o, "empty cells, seed " + std::to_string(seed));
        ClusterReference reference = problem.reference(0, o);
        reference.run_lloyd();
        without_rows += reference.filled;
    }
    check(without_rows > 20, "only ", without_rows, " cells were filled");
}

// More rows than threads, so that one thread sees several candidates for an empty cell. Rows a block apart are equal in
// the first case: the farthest row is the lowest of them. In the second they differ: it is not any row of the thread.
void empty_cells_of_many_rows() {
    for (uint64_t seed = 1; seed <= 4; seed++)
        for (const int period : {ClusterThreads, 0}) {
            Problem problem({{2 * ClusterThreads + 40, 60}}, 3, seed, true, period);
            ClusterOptions o = options(60);
            o.seed = seed;
            o.initialization = ClusterInitialization::Random;
            o.max_iterations = 1;
            o.refine = 0;
            problem.launch(Algorithm::Lloyd, o, 1, seed);
            const std::string where = "period " + std::to_string(period) + ", seed " + std::to_string(seed);
            compare(problem, Algorithm::Lloyd, o, where);
            ClusterReference reference = problem.reference(0, o);
            reference.run_lloyd();
            check(reference.filled > 20, where, ": only ", reference.filled, " cells were filled");
        }
}

void large_cells() {
    Problem problem({{443, 3}, {257, 129}}, 4, 9); // sums again after 50 updates; more than one chunk of columns
    ClusterOptions o = options(129);
    o.initialization = ClusterInitialization::Random;
    problem.launch(Algorithm::Lloyd, o);
    compare(problem, Algorithm::Lloyd, o, "large cells");
}

void d4m() {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        Problem problem({{60, 5}, {33, 12}, {1, 1}, {2, 2}, {130, 12}, {9, 1}}, 6, seed);
        ClusterOptions o = options(12);
        o.seed = seed;
        o.km_expand = 1 + static_cast<int>(seed % 3);
        o.passes = 1 + static_cast<int>(seed % 2);
        o.reassignment_ratio = seed == 4 ? 0.0 : 0.3;
        problem.launch(Algorithm::Batches, o, 2, seed);
        compare(problem, Algorithm::Batches, o, "D4M seed " + std::to_string(seed));
    }
}

void random_batches() {
    int64_t reassigned = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Problem problem({{60, 5}, {33, 12}, {1, 1}, {2, 2}, {230, 20}}, 6, seed);
        ClusterOptions o = options(20);
        o.seed = seed;
        o.batches = ClusterBatches::Random;
        o.batch_size = seed == 2 ? 1024 : 24;
        o.reassignment_ratio = seed == 3 ? 0.9 : 0.3;
        o.max_iterations = 30;
        problem.launch(Algorithm::Batches, o, 2, seed);
        compare(problem, Algorithm::Batches, o, "batches seed " + std::to_string(seed), &reassigned);
    }
    check(reassigned > 20, "the cases reassign only ", reassigned, " centroids");
}

void clvq() {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        Problem problem({{60, 5}, {33, 12}, {1, 1}, {2, 2}, {3, 2}, {130, 40}}, 6, seed);
        ClusterOptions o = options(40);
        o.seed = seed;
        o.passes = seed == 2 ? 9 : 3;
        o.clvq_scale = seed == 1 ? 0 : seed == 2 ? 1 : seed == 3 ? 10 : 1;
        o.clvq_offset = seed == 2 ? 0 : seed == 3 ? 10 : 30; // a first step of 1; folded scales
        problem.launch(Algorithm::Clvq, o, 2, seed);
        compare(problem, Algorithm::Clvq, o, "CLVQ seed " + std::to_string(seed));
    }
}

// Launched once per restart, the outputs are those of the best.
void restarts() {
    Problem problem({{60, 9}, {45, 7}}, 3, 2);
    ClusterOptions o = options(9);
    o.initialization = ClusterInitialization::Random;
    o.refine = 0;
    std::vector<double> best(2, INFINITY);
    std::vector<int> kept(2);
    for (o.restart = 0; o.restart < 5; o.restart++) {
        problem.launch(Algorithm::Lloyd, o, 1, static_cast<uint64_t>(o.restart));
        for (size_t c = 0; c < 2; c++) {
            ClusterReference reference = problem.reference(c, o);
            reference.run_lloyd();
            if (reference.distortion() < best[c]) {
                best[c] = reference.distortion();
                kept[c] = o.restart;
            }
        }
    }
    check(kept[0] > 0 || kept[1] > 0, "the first restart is the best in both classes: change the seed");
    for (size_t c = 0; c < 2; c++) {
        check(problem.reports[c].restart == kept[c], "class ", c, " keeps restart ", problem.reports[c].restart,
              " not ", kept[c]);
        ClusterOptions own = o;
        own.restart = kept[c];
        ClusterReference reference = problem.reference(c, own);
        reference.run_lloyd();
        for (int i = 0; i < problem.classes.ranges[c].row_count; i++)
            check(problem.labels[static_cast<size_t>(problem.classes.ranges[c].row_begin + i)] ==
                      reference.labels[static_cast<size_t>(i)],
                  "class ", c, " row ", i);
    }
}

// Classes dealt by the counter, to any number of blocks: each once, with the results of a stride.
void dealt_classes() {
    for (const Algorithm algorithm : {Algorithm::Lloyd, Algorithm::Batches, Algorithm::Clvq}) {
        ClusterOptions o = options(12);
        o.max_iterations = 20;
        const std::vector<ClassSize> sizes{{40, 5}, {0, 0}, {0, 0}, {33, 12}, {5, 0}, {1, 1}, {7, 3}, {0, 0}, {31, 4}};
        Problem strided(sizes, 4, 8);
        strided.launch(algorithm, o, 1);
        for (const unsigned grid : {1u, 2u, 3u, 8u, 9u, 20u}) {
            Problem dealt(sizes, 4, 8);
            int32_t next_class = 0;
            dealt.launch(algorithm, o, grid, grid, &next_class);
            const std::string where = std::string(symbol_of(algorithm)) + ", " + std::to_string(grid) + " blocks";
            check(next_class == static_cast<int32_t>(sizes.size()), where, ": ", next_class, " classes taken of ",
                  sizes.size());
            check(dealt.labels == strided.labels && dealt.counts == strided.counts &&
                      std::memcmp(dealt.combinations.data(), strided.combinations.data(),
                                  strided.combinations.size() * sizeof(float)) == 0,
                  where, ": other results");
        }
    }
}

// Every order of fibers gives the same bits.
void fiber_orders() {
    for (const Algorithm algorithm : {Algorithm::Lloyd, Algorithm::Batches, Algorithm::Clvq}) {
        ClusterOptions o = options(7);
        o.batches = ClusterBatches::Random;
        o.max_iterations = 20;
        Problem first({{70, 7}, {40, 5}}, 5, 3);
        first.launch(algorithm, o, 1, 0);
        compare(first, algorithm, o, "order 0");
        for (uint64_t order = 1; order < FiberOrders; order++) {
            Problem problem({{70, 7}, {40, 5}}, 5, 3);
            problem.launch(algorithm, o, 1 + static_cast<unsigned>(order % 2), order);
            check(problem.labels == first.labels && problem.counts == first.counts, symbol_of(algorithm), " order ",
                  order, ": other labels");
            check(std::memcmp(problem.combinations.data(), first.combinations.data(),
                              first.combinations.size() * sizeof(float)) == 0,
                  symbol_of(algorithm), " order ", order, ": other coefficients");
            for (size_t c = 0; c < 2; c++)
                check(problem.reports[c].distortion == first.reports[c].distortion &&
                          problem.reports[c].iterations == first.reports[c].iterations,
                      symbol_of(algorithm), " order ", order, ": another report");
        }
    }
}

// Equal rows and equal distances: labels, counts and centroids do not depend on the order of fibers either.
void fiber_orders_of_ties() {
    for (const Algorithm algorithm : {Algorithm::Lloyd, Algorithm::Batches, Algorithm::Clvq})
        for (uint64_t order = 1; order <= FiberOrders; order++) {
            const int rows = std::max(1, odd_size(order));
            ClusterOptions o = options(12);
            o.max_iterations = 20;
            o.batches = order % 2 == 0 ? ClusterBatches::Random : ClusterBatches::D4m;
            o.initialization = order % 3 == 0 ? ClusterInitialization::Random : ClusterInitialization::Greedy;
            Problem first({{rows, std::min(rows, 9)}, {40, 12}}, 2, order, true);
            Problem other({{rows, std::min(rows, 9)}, {40, 12}}, 2, order, true);
            first.launch(algorithm, o, 1, 0);
            other.launch(algorithm, o, 2, order);
            check(other.labels == first.labels && other.counts == first.counts && other.combined == first.combined &&
                      std::memcmp(other.combinations.data(), first.combinations.data(),
                                  first.combinations.size() * sizeof(float)) == 0,
                  symbol_of(algorithm), " order ", order, ": other results with ", rows, " rows");
        }
}

// The generator against the published vectors of Philox4x32-10 (Random123, kat_vectors).
void random_numbers() {
    const auto is = [](const RandomBlock& b, uint32_t x, uint32_t y, uint32_t z, uint32_t w) {
        return b.words[0] == x && b.words[1] == y && b.words[2] == z && b.words[3] == w;
    };
    check(is(random_block(0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8), "zeros");
    check(is(random_block(~0ull, ~0ull, ~0ull), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd), "ones");
    check(is(random_block(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0x85a308d3243f6a88ull), 0xd16cfe09, 0x94fdcceb,
             0x5001e420, 0x24126ea1),
          "digits of pi");
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"random numbers", random_numbers},
                      {"Lloyd and Hartigan", lloyd},
                      {"repeated rows", repeated_rows},
                      {"empty cells", empty_cells},
                      {"empty cells of many rows", empty_cells_of_many_rows},
                      {"large cells", large_cells},
                      {"D4M", d4m},
                      {"random batches", random_batches},
                      {"CLVQ", clvq},
                      {"restarts", restarts},
                      {"dealt classes", dealt_classes},
                      {"fiber orders", fiber_orders},
                      {"fiber orders of ties", fiber_orders_of_ties}});
}
