// Support points in Gram space: the K points of equal weight with the least energy distance to the rows of a class.
//
// A position is the points' coefficients W (K, N) and their products V = W G with the rows. With A_ki = 1 / |x_k - y_i|
// and B_kl = 1 / |x_k - x_l| a round is W_k <- (A_k + N/K sum_l B_kl (W_k - W_l)) / sum_i A_ki, and V <- W G: K N^2
// multiply-adds. It never raises 2/(K N) sum |x_k - y_i| - 1/K^2 sum |x_k - x_l|. Each round is followed by Anderson's
// mixture of the last SupportHistory of them, taken where its energy is lower. Draws, floors and the end are those of
// Ddoq.Quantization.Algorithms.SupportIteration, whose energy this reaches up to rounding. Source: S. Mak and
// V. R. Joseph, "Support points" (Annals of Statistics, 2018).
//
// Roofline   fp32 multiply-adds: on paper, H100, 1000 classes of 1300 rows, K = 50, 60 rounds: 10 Tflop, 170 ms; each
//            round reads G once per SupportTile points, from L2. Not yet timed on a GPU.
#pragma once

#include "cluster_space.cuh"

namespace ddoq {

constexpr int SupportHistory = ClusterSupportHistory;
constexpr int SupportPositions = 1 + 2 * SupportHistory;
constexpr int SupportWindow = 8;          // rounds whose gains are judged together
constexpr double SupportLeastGain = 5e-6; // a round's, of the energy distance of K random rows, at which a run ends
constexpr int64_t SupportFewestRounds = 64;
constexpr int64_t SupportRoundWork = 1LL << 31; // multiply-adds of the rounds beyond those
constexpr float SupportStretch = 1.9f;          // of a round's own step
constexpr float SupportNudge = 1.0f / 32.0f; // first points lie off their rows by this part of the way to another one
constexpr double SupportRegularisation = 1e-10;
constexpr int SupportTile = 16; // points whose products with a column of G a thread sums at a time

// What thread 0 knows of the last rounds.
struct SupportMixture {
    double products[SupportHistory][SupportHistory];
    double factors[SupportHistory];
    double before[SupportWindow];
    bool used[SupportHistory];
    int newest;
};

constexpr int SupportMixtureOffset = (sizeof(ClusterSpace) + 15) / 16 * 16;
static_assert(SupportMixtureOffset + sizeof(SupportMixture) <= ClusterSharedBytes);

struct SupportMeasure {
    double energy;        // with the floor
    double mean_distance; // of points and rows, with the floor
};

// Position 0 is the points, 1 to SupportHistory the images of the last rounds, the others their steps.
__device__ __forceinline__ int image_of(int place) {
    return 1 + place;
}
__device__ __forceinline__ int step_of(int place) {
    return 1 + SupportHistory + place;
}

// Inner product of two arrays of `count` floats, by one warp; every lane receives it.
__device__ __forceinline__ double warp_dot(const float* a, const float* b, int64_t count) {
    double sum = 0.0;
    for (int64_t i = threadIdx.x & 31; i < count; i += 32)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return warp_total(sum);
}

// Distances of all rows to the points of position 0, their reciprocals to shares, and the energy.
__device__ inline SupportMeasure measure_support(ClusterSpace& s, const SupportArrays& u) {
    const int warp = static_cast<int>(threadIdx.x) >> 5, lane = static_cast<int>(threadIdx.x) & 31;
    const float floor = sqrtf(s.zero_distance);
    const float* w = u.coefficients(0);
    const float* v = u.products(0);
    for (int k = warp; k < s.centroids; k += ClusterWarps) {
        const double norm = warp_dot(w + k * u.stride, v + k * u.stride, s.rows);
        if (lane == 0)
            s.a.norms[k] = norm;
        const float own = static_cast<float>(norm);
        double distances = 0.0, pulls = 0.0;
        for (int i = lane; i < s.rows; i += 32) {
            const float squared = fmaxf(0.0f, fmaf(-2.0f, v[k * u.stride + i], s.row_norms[i] + own));
            const float distance = fmaxf(sqrtf(squared), floor);
            const float pull = 1.0f / distance;
            u.shares[k * u.stride + i] = pull;
            distances += 0.5 * static_cast<double>(fmaf(squared, pull, distance));
            pulls += static_cast<double>(pull);
        }
        distances = warp_total(distances);
        pulls = warp_total(pulls);
        if (lane == 0) {
            u.distances[k] = distances;
            u.pulls[k] = pulls;
        }
    }
    __syncthreads();
    const int pairs = s.centroids * s.centroids;
    double between = 0.0;
    for (int pair = warp; pair < pairs; pair += ClusterWarps) {
        const int k = pair / s.centroids, l = pair % s.centroids;
        if (k >= l)
            continue;
        const double squared =
            fmax(0.0, s.a.norms[k] + s.a.norms[l] - 2.0 * warp_dot(w + k * u.stride, v + l * u.stride, s.rows));
        const double distance = fmax(sqrt(squared), static_cast<double>(floor));
        if (lane == 0) {
            u.pairs[pair] = u.pairs[l * s.centroids + k] = 1.0 / distance;
            between += squared / distance + distance;
        }
    }
    between = s.block().sum(between);
    double to_rows = 0.0;
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        to_rows += u.distances[k];
    const double mean = s.block().sum(to_rows) / (static_cast<double>(s.centroids) * s.rows);
    return {2.0 * mean - between / (static_cast<double>(s.centroids) * s.centroids), mean};
}

// products(to) = coefficients(to) G: a thread owns columns of G and sums SupportTile points at a time.
__device__ inline void multiply_by_gram(ClusterSpace& s, const SupportArrays& u, int to) {
    const float* w = u.coefficients(to);
    float* v = u.products(to);
    for (int first = 0; first < s.centroids; first += SupportTile) {
        const int points = min(SupportTile, s.centroids - first);
        for (int column = static_cast<int>(threadIdx.x); column < s.rows; column += ClusterThreads) {
            float sums[SupportTile] = {};
            for (int row = 0; row < s.rows; row++) {
                const float g = s.gram_row(row)[column];
#pragma unroll
                for (int k = 0; k < SupportTile; k++)
                    if (k < points)
                        sums[k] = fmaf(w[(first + k) * u.stride + row], g, sums[k]);
            }
#pragma unroll
            for (int k = 0; k < SupportTile; k++)
                if (k < points)
                    v[(first + k) * u.stride + column] = sums[k];
        }
    }
    __syncthreads();
}

// Groups equal rows, to batch_labels (the first of each row's group) and the second half of order (rows of the group).
// Coefficients of equal rows are undetermined but for their sum: left alone, rounding makes them grow. Block-wide.
__device__ inline void group_equal_rows(ClusterSpace& s) {
    int32_t *first = s.a.batch_labels, *members = s.a.order + s.rows;
    if (threadIdx.x == 0)
        s.flag = 0;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        int of = 0;
        while (of < i && !(row_distance(s, s.gram_row(i), s.row_norms[i], of) <= s.zero_distance))
            of++;
        first[i] = of;
        if (of < i)
            s.flag = 1; // all write the same
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        int count = 0;
        for (int j = i; j < s.rows; j++)
            count += first[j] == i ? 1 : 0;
        members[i] = count;
    }
    __syncthreads();
}

// Shares the coefficients of equal rows evenly: a thread takes points, in the order of the rows. Block-wide.
__device__ inline void share_equal_rows(ClusterSpace& s, const SupportArrays& u, int position) {
    const int32_t *first = s.a.batch_labels, *members = s.a.order + s.rows;
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        float* w = u.coefficients(position) + k * u.stride;
        for (int i = 0; i < s.rows; i++)
            if (first[i] != i)
                w[first[i]] += w[i];
        for (int i = 0; i < s.rows; i++)
            w[i] = first[i] != i ? w[first[i]] : members[i] > 1 ? w[i] / static_cast<float>(members[i]) : w[i];
    }
    __syncthreads();
}

// One round from position 0, which has been measured.
__device__ inline void support_round(ClusterSpace& s, const SupportArrays& u, int to, bool repeats) {
    const double mass = static_cast<double>(s.rows) / s.centroids;
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        double own = 0.0;
        for (int l = 0; l < s.centroids; l++)
            if (l != k)
                own += mass * u.pairs[k * s.centroids + l] / u.pulls[k];
        u.ties[k] = own;
    }
    __syncthreads();
    const float* from = u.coefficients(0);
    float* w = u.coefficients(to);
    for (int k = 0; k < s.centroids; k++) {
        const float scale = static_cast<float>(1.0 / u.pulls[k]);
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            float sum = scale * u.shares[k * u.stride + i];
            for (int l = 0; l < s.centroids; l++) {
                const double tie = l == k ? u.ties[k] : -mass * u.pairs[k * s.centroids + l] / u.pulls[k];
                sum = fmaf(static_cast<float>(tie), from[l * u.stride + i], sum);
            }
            w[k * u.stride + i] = sum;
        }
    }
    __syncthreads();
    if (repeats)
        share_equal_rows(s, u, to);
    multiply_by_gram(s, u, to);
}

// position(to) = sum over i of factors[i] position(first + i), coefficients and products alike.
__device__ inline void mix_positions(const SupportArrays& u, int to, int first, const double* factors, int count) {
    const int64_t length = 2 * u.position;
    float* target = u.coefficients(to);
    for (int64_t at = threadIdx.x; at < length; at += ClusterThreads) {
        float sum = 0.0f;
        for (int i = 0; i < count; i++)
            if (factors[i] != 0.0)
                sum = fmaf(static_cast<float>(factors[i]), u.coefficients(first + i)[at], sum);
        target[at] = sum;
    }
    __syncthreads();
}

// position(0) = the image of a round + share x its step, coefficients and products alike.
__device__ inline void step_along(const SupportArrays& u, int place, float share) {
    const int64_t length = 2 * u.position;
    float* target = u.coefficients(0);
    const float *image = u.coefficients(image_of(place)), *step = u.coefficients(step_of(place));
    for (int64_t at = threadIdx.x; at < length; at += ClusterThreads)
        target[at] = fmaf(share, step[at], image[at]);
    __syncthreads();
}

// The affine combination of the used steps that is shortest, to factors; false where there is none. One thread.
__device__ inline bool solve_mixture(SupportMixture& m) {
    int places[SupportHistory], count = 0;
    double trace = 0.0;
    for (int i = 0; i < SupportHistory; i++) {
        m.factors[i] = 0.0;
        if (m.used[i]) {
            trace += m.products[i][i];
            places[count++] = i;
        }
    }
    if (count < 2)
        return false;
    double a[SupportHistory][SupportHistory + 1];
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++)
            a[i][j] = m.products[places[i]][places[j]] + (i == j ? SupportRegularisation * trace / count : 0.0);
        a[i][count] = 1.0;
    }
    for (int column = 0; column < count; column++) {
        int pivot = column;
        for (int i = column + 1; i < count; i++)
            if (fabs(a[i][column]) > fabs(a[pivot][column]))
                pivot = i;
        for (int j = 0; j <= count; j++) {
            const double kept = a[column][j];
            a[column][j] = a[pivot][j];
            a[pivot][j] = kept;
        }
        for (int i = column + 1; i < count; i++) {
            const double factor = a[i][column] / a[column][column];
            for (int j = column; j <= count; j++)
                a[i][j] -= factor * a[column][j];
        }
    }
    double sum = 0.0;
    for (int i = count - 1; i >= 0; i--) {
        double value = a[i][count];
        for (int j = i + 1; j < count; j++)
            value -= a[i][j] * m.factors[places[j]];
        m.factors[places[i]] = value / a[i][i];
        sum += m.factors[places[i]];
    }
    bool sound = sum != 0.0;
    for (int i = 0; i < SupportHistory; i++) {
        m.factors[i] /= sum;
        sound = sound && fabs(m.factors[i]) <= 1e300; // false for NaN
    }
    return sound;
}

// Takes up the step of the newest round; true where there is a mixture.
__device__ inline bool take_step(ClusterSpace& s, const SupportArrays& u, SupportMixture& m) {
    const int warp = static_cast<int>(threadIdx.x) >> 5, newest = m.newest;
    if (warp < SupportHistory && (m.used[warp] || warp == newest)) {
        double sum = 0.0;
        for (int k = 0; k < s.centroids; k++)
            sum += warp_dot(u.coefficients(step_of(newest)) + k * u.stride, u.products(step_of(warp)) + k * u.stride,
                            s.rows);
        if ((threadIdx.x & 31) == 0)
            m.products[newest][warp] = m.products[warp][newest] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        m.used[newest] = true;
        s.flag = solve_mixture(m);
    }
    __syncthreads();
    return s.flag != 0;
}

// Points on rows drawn without replacement, each nudged towards another row; without `nudged` on the first K rows.
__device__ inline void place_support(ClusterSpace& s, const SupportArrays& u, bool nudged) {
    if (threadIdx.x == 0) {
        for (int i = 0; i < s.rows; i++)
            s.a.order[i] = i;
        if (nudged) {
            for (int k = 0; k < s.centroids; k++) {
                const int drawn = k + s.random.next_below(s.rows - k);
                const int32_t row = s.a.order[drawn];
                s.a.order[drawn] = s.a.order[k];
                s.a.order[k] = row;
            }
            for (int k = 0; k < s.centroids; k++)
                s.a.placed_rows[k] = s.random.next_below(s.rows);
        }
    }
    const int padding = static_cast<int>(u.stride) - s.rows, lines = 2 * SupportPositions * s.centroids;
    for (int i = static_cast<int>(threadIdx.x); i < lines * padding; i += ClusterThreads) // read with the rest, unused
        u.positions[i / padding * u.stride + s.rows + i % padding] = 0.0f;
    __syncthreads();
    const float share = nudged ? SupportNudge : 0.0f;
    for (int k = 0; k < s.centroids; k++) {
        const int row = s.a.order[k], other = nudged ? s.a.placed_rows[k] : row;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            u.coefficients(0)[k * u.stride + i] = (i == row ? 1.0f - share : 0.0f) + (i == other ? share : 0.0f);
            u.products(0)[k * u.stride + i] = fmaf(share, s.gram_row(other)[i], (1.0f - share) * s.gram_row(row)[i]);
        }
    }
    __syncthreads();
}

// The energy distance of the rows and the points of position 0, which has been measured. Distances at the floor are 0.
__device__ inline double support_energy_distance(ClusterSpace& s, const SupportArrays& u) {
    const double floor = 1.001 * sqrt(static_cast<double>(s.zero_distance));
    double rows = 0.0, to_rows = 0.0, points = 0.0;
    for (int i = 0; i < s.rows; i++)
        for (int j = static_cast<int>(threadIdx.x); j < s.rows; j += ClusterThreads)
            rows += sqrt(static_cast<double>(row_distance(s, s.gram_row(i), s.row_norms[i], j)));
    for (int k = 0; k < s.centroids; k++)
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            const double distance = 1.0 / static_cast<double>(u.shares[k * u.stride + i]);
            to_rows += distance > floor ? distance : 0.0;
        }
    for (int pair = static_cast<int>(threadIdx.x); pair < s.centroids * s.centroids; pair += ClusterThreads) {
        const bool other = pair / s.centroids != pair % s.centroids;
        const double distance = other ? 1.0 / u.pairs[pair] : 0.0;
        points += distance > floor ? distance : 0.0;
    }
    rows = s.block().sum(rows);
    to_rows = s.block().sum(to_rows);
    points = s.block().sum(points);
    const double n = s.rows, k = s.centroids;
    return 2.0 * to_rows / (n * k) - rows / (n * n) - points / (k * k);
}

struct SupportOutcome {
    int64_t rounds;
    double energy;
    double energy_distance;
};

// The points are position 0 at the end, and the centroids of the space.
__device__ inline SupportOutcome run_support(ClusterSpace& s, const SupportArrays& u, SupportMixture& m,
                                             const ClusterOptions& o) {
    // Equal rows, or as many points as rows: the points are the rows, and nothing is nearer to them.
    const bool trivial = s.zero_distance == 0.0f || s.centroids == s.rows;
    if (threadIdx.x == 0) {
        for (int i = 0; i < SupportHistory; i++)
            m.used[i] = false;
        for (int i = 0; i < SupportWindow; i++)
            m.before[i] = INFINITY;
        m.newest = -1;
    }
    place_support(s, u, !trivial);
    group_equal_rows(s);
    const bool repeats = s.flag != 0 && !trivial;
    __syncthreads();
    if (repeats)
        share_equal_rows(s, u, 0);
    SupportMeasure reached = measure_support(s, u);
    const double tolerance = o.tolerance > SupportLeastGain ? o.tolerance : SupportLeastGain;
    const double least = SupportWindow * tolerance * reached.mean_distance / s.centroids;
    const int64_t paid = SupportRoundWork / (static_cast<int64_t>(s.centroids) * s.rows * s.rows);
    const int64_t most = paid > SupportFewestRounds ? paid : SupportFewestRounds;
    const int64_t limit = trivial ? 0 : o.max_iterations < most ? o.max_iterations : most;
    double energy = reached.energy;
    int64_t rounds = 0;
    while (rounds < limit) {
        if (threadIdx.x == 0)
            m.newest = (m.newest + 1) % SupportHistory;
        __syncthreads();
        const int newest = m.newest, image = image_of(newest);
        support_round(s, u, image, repeats);
        const int64_t length = 2 * u.position;
        float* step = u.coefficients(step_of(newest));
        for (int64_t at = threadIdx.x; at < length; at += ClusterThreads)
            step[at] = u.coefficients(image)[at] - u.coefficients(0)[at];
        __syncthreads();
        reached.energy = INFINITY;
        if (take_step(s, u, m)) {
            mix_positions(u, 0, image_of(0), m.factors, SupportHistory);
            reached = measure_support(s, u);
            if (!(reached.energy < energy)) { // no memory of the rounds before
                if (threadIdx.x == 0)
                    for (int i = 0; i < SupportHistory; i++)
                        m.used[i] = i == newest;
                __syncthreads();
            }
        }
        if (!(reached.energy < energy)) {
            step_along(u, newest, SupportStretch - 1.0f);
            reached = measure_support(s, u);
        }
        if (reached.energy > energy) { // impossible but for rounding: the points before are the result
            step_along(u, newest, -1.0f);
            break;
        }
        energy = reached.energy;
        const int slot = static_cast<int>(rounds++ % SupportWindow);
        const double earlier = m.before[slot];
        __syncthreads();
        if (earlier - energy < least)
            break;
        if (threadIdx.x == 0)
            m.before[slot] = energy;
    }
    if (!trivial) {
        multiply_by_gram(s, u, 0);
        energy = measure_support(s, u).energy;
    }
    const double distance = support_energy_distance(s, u);
    if (threadIdx.x == 0) {
        s.a.coefficients = u.coefficients(0);
        s.a.products = u.products(0);
    }
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        s.a.scales[k] = 1.0;
        s.a.definitions[k] = DefinedByCoefficients;
    }
    __syncthreads();
    return {rounds, energy, distance};
}

} // namespace ddoq
