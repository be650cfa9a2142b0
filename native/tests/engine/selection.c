/* Selection, assignment and distances of measures against plain loops; rows that come in batches. */
#include "frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 40, D = 6, K = 4 };
static float x[N * D];

static double distance(const float* a, const float* b) {
    return sqrt(squared_distance(a, b, D));
}

static double mean_distance(const float* a, int a_count, const float* b, int b_count) {
    double sum = 0;
    for (int i = 0; i < a_count; i++)
        for (int j = 0; j < b_count; j++)
            sum += distance(a + i * D, b + j * D);
    return sum / ((double)a_count * b_count);
}

/* What a choice is worth: energy distance without the rows' own part, or mean squared distance to the nearest. */
static double worth(int objective, const int32_t* chosen) {
    float z[K * D];
    for (int k = 0; k < K; k++)
        memcpy(z + k * D, x + chosen[k] * D, sizeof(float) * D);
    if (objective == DDOQ_SELECT_ENERGY)
        return 2 * mean_distance(x, N, z, K) - mean_distance(z, K, z, K);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double nearest = INFINITY;
        for (int k = 0; k < K; k++)
            nearest = fmin(nearest, squared_distance(x + i * D, z + k * D, D));
        sum += nearest / N;
    }
    return sum;
}

static ddoq_selection_options choose(int objective) {
    ddoq_selection_options o;
    success(ddoq_selection_options_init(&o, sizeof o));
    o.count = K;
    o.objective = objective;
    o.seed = 5;
    return o;
}

static int by_value(const void* a, const void* b) {
    return *(const int32_t*)a - *(const int32_t*)b;
}

static void swaps_do_not_help(int objective) {
    ddoq_selection_options o = choose(objective);
    o.measure_energy_distance = 1;
    ddoq_selection_info info = {.size = sizeof info};
    int32_t chosen[K], labels[N];
    int64_t counts[K];
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, chosen, counts, labels, &info));
    const double value = worth(objective, chosen);
    check(info.count == K && fabs(info.objective - value) < 1e-5, "objective %g not %g", info.objective, value);
    check(fabs(info.distortion - worth(DDOQ_SELECT_WASSERSTEIN, chosen)) < 1e-5, "distortion");
    check(fabs(info.energy_distance - (worth(DDOQ_SELECT_ENERGY, chosen) - mean_distance(x, N, x, N))) < 1e-5,
          "energy distance %g", info.energy_distance);
    int64_t seen[K] = {0};
    for (int i = 0; i < N; i++) {
        seen[labels[i]]++;
        for (int k = 0; k < K; k++)
            check(squared_distance(x + i * D, x + chosen[k] * D, D) >=
                      squared_distance(x + i * D, x + chosen[labels[i]] * D, D),
                  "row %d is nearer to %d", i, k);
    }
    check(memcmp(seen, counts, sizeof seen) == 0, "counts");
    for (int k = 0; k < K; k++)
        for (int i = 0; i < N; i++) {
            int32_t other[K];
            memcpy(other, chosen, sizeof other);
            other[k] = i;
            check(worth(objective, other) > value - 1e-5, "row %d instead of %d is better", i, chosen[k]);
        }
}

static void one_for_each_centre(void) {
    enum { M = 9, P = 3 };
    float centres[P * D], candidates[M * D];
    for (int i = 0; i < P * D; i++)
        centres[i] = uniform();
    for (int i = 0; i < M * D; i++)
        candidates[i] = 2 * uniform();
    ddoq_selection_options o = choose(DDOQ_SELECT_NEAREST);
    o.count = P;
    int32_t chosen[P];
    ddoq_selection_info info = {.size = sizeof info};
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, candidates, M, centres, chosen, NULL, NULL, &info));
    double best = INFINITY;
    int32_t expected[P] = {0};
    for (int32_t a = 0; a < M; a++)
        for (int32_t b = 0; b < M; b++)
            for (int32_t c = 0; c < M; c++) {
                if (a == b || a == c || b == c)
                    continue;
                const double sum = squared_distance(candidates + a * D, centres, D) +
                                   squared_distance(candidates + b * D, centres + D, D) +
                                   squared_distance(candidates + c * D, centres + 2 * D, D);
                if (sum < best) {
                    best = sum;
                    memcpy(expected, (int32_t[]){a, b, c}, sizeof expected);
                }
            }
    check(memcmp(chosen, expected, sizeof chosen) == 0, "nearest: %d %d %d", chosen[0], chosen[1], chosen[2]);
    check(fabs(info.objective - best) < 1e-5 && isnan(info.energy_distance), "sum of squares %g", info.objective);
}

/* One candidate after the other by the rule's own words; `first` is the first of k-center. */
static void one_by_one(int objective, int first, int32_t* expected) {
    float mean[D] = {0};
    for (int i = 0; i < N * D; i++)
        mean[i % D] += x[i] / N;
    for (int k = 0; k < K; k++) {
        double best = -INFINITY;
        for (int i = 0; i < N; i++) {
            double value = 0;
            int taken = 0;
            for (int j = 0; j < k; j++)
                taken |= expected[j] == i;
            if (objective == DDOQ_SELECT_K_CENTER) { /* far from all */
                value = k > 0 ? INFINITY : -abs(i - first);
                for (int j = 0; j < k; j++)
                    value = fmin(value, squared_distance(x + i * D, x + expected[j] * D, D));
            } else { /* the mean of the chosen and this one is near the mean */
                for (int d = 0; d < D; d++) {
                    double of_chosen = x[i * D + d];
                    for (int j = 0; j < k; j++)
                        of_chosen += x[expected[j] * D + d];
                    value -= pow(of_chosen / (k + 1) - mean[d], 2);
                }
            }
            if (!taken && value > best) {
                best = value;
                expected[k] = i;
            }
        }
    }
    qsort(expected, K, sizeof *expected, by_value);
}

static void greedy_rules(int objective) {
    int32_t expected[K], chosen[K];
    ddoq_selection_options o = choose(objective);
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, chosen, NULL, NULL, NULL));
    int found = 0; /* k-center draws its first: any of the rows */
    for (int first = 0; first < N; first++) {
        one_by_one(objective, first, expected);
        found += memcmp(chosen, expected, sizeof chosen) == 0;
    }
    check(objective == DDOQ_SELECT_K_CENTER ? found > 0 : found == N, "objective %d: %d %d %d %d", objective, chosen[0],
          chosen[1], chosen[2], chosen[3]);
}

void selection(void) {
    seed_with(12);
    for (int i = 0; i < N * D; i++)
        x[i] = 4 * uniform();
    swaps_do_not_help(DDOQ_SELECT_ENERGY);
    swaps_do_not_help(DDOQ_SELECT_WASSERSTEIN);
    one_for_each_centre();
    greedy_rules(DDOQ_SELECT_HERDING);
    greedy_rules(DDOQ_SELECT_K_CENTER);

    int32_t first[K], again[K], other[N + 3];
    int64_t counts[N + 3];
    ddoq_selection_options o = choose(DDOQ_SELECT_RANDOM);
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, first, NULL, NULL, NULL));
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, again, NULL, NULL, NULL));
    o.class_index = 1;
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, other, NULL, NULL, NULL));
    check(memcmp(first, again, sizeof first) == 0 && memcmp(first, other, sizeof first) != 0, "draws");
    o.count = N + 3;
    ddoq_selection_info info = {.size = sizeof info};
    success(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, other, counts, NULL, &info));
    check(info.count == N && other[0] == 0 && other[N - 1] == N - 1 && other[N] == -1 && counts[N + 2] == 0,
          "more than there are");

    const float bad[D] = {NAN};
    o = choose(DDOQ_SELECT_NEAREST);
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, first, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "needs centres");
    o.count = 1;
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, bad, first, NULL, NULL, NULL), DDOQ_FAILED,
            "Centroid 0");
    o = choose(DDOQ_SELECT_ENERGY);
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, bad, 1, NULL, first, NULL, NULL, NULL), DDOQ_FAILED, "value 0");
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 3, NULL, first, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "candidate_count is 3");
    failure(ddoq_select(&o, x, DDOQ_FP32, 0, D, NULL, NULL, 0, NULL, first, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "no rows");
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "chosen");
    o.objective = 6;
    failure(ddoq_select(&o, x, DDOQ_FP32, N, D, NULL, NULL, 0, NULL, first, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "6");
    failure(ddoq_selection_options_init(&o, 39), DDOQ_INVALID_ARGUMENT, "size is 39");
}

/* Distances with known values, and the rows' shares. */
void distances(void) {
    /* On a line the optimal plan keeps the order: 1/8 of 0 and 1 to 0, 1/8 of 1 and the rest to 3. */
    const float line[4] = {5, 0, 1, 2}, ends[2] = {3, 0};
    const double masses[2] = {6, 2};
    double squared = 0, plan[8];
    success(ddoq_wasserstein2(line, 4, NULL, ends, 2, masses, 1, &squared, plan));
    check(fabs(squared - (4 + 4 + 1) / 4.0) < 1e-12, "squared distance %g", squared);
    const double expected[8] = {0.25, 0, 0, 0.25, 0.25, 0, 0.25, 0};
    for (int i = 0; i < 8; i++)
        check(fabs(plan[i] - expected[i]) < 1e-12, "mass %d is %g", i, plan[i]);
    const double none[2] = {0, 0};
    failure(ddoq_wasserstein2(line, 4, NULL, ends, 2, none, 1, &squared, NULL), DDOQ_FAILED, "weight");
    failure(ddoq_wasserstein2(NULL, 4, NULL, ends, 2, NULL, 1, &squared, NULL), DDOQ_INVALID_ARGUMENT, "x is null");
    failure(ddoq_wasserstein2(line, 4, NULL, ends, 0, NULL, 1, &squared, NULL), DDOQ_INVALID_ARGUMENT, "y_count is 0");
    failure(ddoq_wasserstein2(line, 4, NULL, ends, 2, NULL, 1, NULL, NULL), DDOQ_INVALID_ARGUMENT, "squared_distance");
    const float infinite[1] = {INFINITY};
    failure(ddoq_wasserstein2(line, 4, NULL, infinite, 1, NULL, 1, &squared, NULL), DDOQ_FAILED, "target row 0");

    seed_with(3);
    for (int i = 0; i < N * D; i++)
        x[i] = uniform();
    float weights[N], points[K * D], shares[K] = {1, 2, 3, 0};
    for (int i = 0; i < N; i++)
        weights[i] = (float)(i % 3);
    for (int i = 0; i < K * D; i++)
        points[i] = uniform();
    double energy = 0, between = 0, own = 0, rows = 0, mass = 0;
    for (int i = 0; i < N; i++) {
        mass += weights[i];
        for (int j = 0; j < N; j++)
            rows += (double)weights[i] * weights[j] * distance(x + i * D, x + j * D);
        for (int k = 0; k < K; k++)
            between += (double)weights[i] * shares[k] * distance(x + i * D, points + k * D);
    }
    for (int k = 0; k < K; k++)
        for (int l = 0; l < K; l++)
            own += (double)shares[k] * shares[l] * distance(points + k * D, points + l * D);
    success(ddoq_energy_distance(x, DDOQ_FP32, N, D, weights, points, K, shares, 0, &energy));
    check(fabs(energy - (2 * between / (6 * mass) - rows / (mass * mass) - own / 36)) < 1e-5, "energy %g", energy);
    failure(ddoq_energy_distance(x, DDOQ_FP32, N, D, NULL, points, 0, NULL, 0, &energy), DDOQ_INVALID_ARGUMENT,
            "point_count");
    failure(ddoq_energy_distance(x, DDOQ_FP32, N, D, NULL, NULL, K, NULL, 0, &energy), DDOQ_INVALID_ARGUMENT, "points");

    int32_t labels[N], predicted[N];
    int64_t counts[K], seen[K] = {0};
    double found[K], nearest[N], distortion = 0, sum = 0, cells[K] = {0};
    success(ddoq_point_masses(points, K, D, x, DDOQ_FP32, N, weights, labels, counts, found, &distortion));
    success(ddoq_predict(points, K, D, x, DDOQ_FP32, N, predicted, nearest));
    for (int i = 0; i < N; i++) {
        seen[predicted[i]]++;
        cells[predicted[i]] += weights[i] / mass;
        sum += weights[i] * nearest[i] / mass;
    }
    check(memcmp(labels, predicted, sizeof labels) == 0 && memcmp(seen, counts, sizeof seen) == 0, "assignment");
    check(fabs(sum - distortion) < 1e-9, "distortion %g", distortion);
    for (int k = 0; k < K; k++)
        check(fabs(cells[k] - found[k]) < 1e-6, "share %d is %g", k, found[k]);
    success(ddoq_point_masses(points, K, D, x, DDOQ_FP32, N, NULL, NULL, NULL, NULL, NULL));
    failure(ddoq_point_masses(points, K, D, x, DDOQ_FP32, 0, NULL, labels, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT,
            "row_count is 0");
}

/* Classes that come in batches of every size are those that come at once. */
void batches(void) {
    enum { Rows = 90, Dimension = 12, Centres = 4 };
    uint16_t* rows = make_rows(DDOQ_FP16, Rows, Dimension, 8, NULL);
    float weights[Rows];
    for (int i = 0; i < Rows; i++)
        weights[i] = i < 36 ? 1 : 0.5f + (float)(i % 4);
    ddoq_quantizer_options o = defaults(Centres);
    ddoq_quantizer* quantizer = create(&o);
    ddoq_quantization* results[2] = {NULL, NULL};
    for (int weighted = 0; weighted < 2; weighted++) {
        ddoq_class* opened = NULL;
        success(ddoq_class_open(DDOQ_FP16, Dimension, 3, weighted ? Rows : 0, &opened));
        ddoq_quantization* empty = NULL;
        success(ddoq_class_finish(opened, quantizer, &empty));
        check(info_of(empty).centroid_count == 0, "centres of no rows");
        ddoq_quantization_destroy(empty);
        for (int first = 0, count = 0; first < Rows; first += count, count++) {
            count = first + count > Rows ? Rows - first : count;
            success(ddoq_class_add(opened, rows + first * Dimension, count,
                                   weighted && first >= 36 ? weights + first : NULL));
            if (first < 60) { /* a batch with a bad row is left out whole */
                uint16_t bad[2 * Dimension] = {0};
                bad[Dimension + 1] = 0x7E00;
                failure(ddoq_class_add(opened, bad, 2, NULL), DDOQ_FAILED, "row");
                const float negative[2] = {1, -1};
                failure(ddoq_class_add(opened, rows, 2, negative), DDOQ_FAILED, "weight -1");
            }
        }
        int64_t count = 0;
        success(ddoq_class_row_count(opened, &count));
        check(count == Rows, "%lld rows", (long long)count);
        failure(ddoq_class_add(opened, NULL, 1, NULL), DDOQ_INVALID_ARGUMENT, "rows is null");
        failure(ddoq_class_add(opened, rows, -1, NULL), DDOQ_INVALID_ARGUMENT, "row_count is -1");
        ddoq_quantization* expected = NULL;
        success(ddoq_class_finish(opened, quantizer, &results[weighted]));
        success(ddoq_quantizer_fit_weighted(quantizer, rows, DDOQ_FP16, Rows, Dimension, 3, weighted ? weights : NULL,
                                            &expected));
        check(memcmp(ddoq_quantization_centroids(results[weighted]), ddoq_quantization_centroids(expected),
                     sizeof(float) * Centres * Dimension) == 0 &&
                  memcmp(ddoq_quantization_labels(results[weighted]), ddoq_quantization_labels(expected),
                         sizeof(int32_t) * Rows) == 0,
              "a class in batches has other bits");
        ddoq_quantization_destroy(expected);
        ddoq_class_close(opened);
        failure(ddoq_class_row_count(opened, &count), DDOQ_INVALID_ARGUMENT, "destroyed");
    }
    ddoq_class_close(NULL);
    ddoq_class* opened = NULL;
    failure(ddoq_class_open((ddoq_type)5, Dimension, 0, 0, &opened), DDOQ_INVALID_ARGUMENT, "type is 5");
    failure(ddoq_class_open(DDOQ_FP32, 0, 0, 0, &opened), DDOQ_INVALID_ARGUMENT, "dimension is 0");
    failure(ddoq_class_open(DDOQ_FP32, 4, -1, 0, &opened), DDOQ_INVALID_ARGUMENT, "class_index is -1");

    char folder[] = "/tmp/ddoq-engine-XXXXXX", path[200];
    if (mkdtemp(folder) == NULL) {
        check(0, "no temporary folder");
        return;
    }
    snprintf(path, sizeof path, "%s/prototypes.safetensors", folder);
    const char* names[2] = {"caf\u00e9", "b"};
    success(ddoq_prototypes_write(path, quantizer, results, names, 2, 3, 2, 2));
    ddoq_prototypes* prototypes = NULL;
    success(ddoq_prototypes_open(path, &prototypes));
    ddoq_prototypes_info info = {.size = sizeof info};
    success(ddoq_prototypes_get_info(prototypes, &info));
    check(info.channels == 3 && info.height == 2 && info.width == 2 && info.seed == 7, "info of the prototypes");
    for (int c = 0; c < 2; c++) {
        const float *centroids = NULL, *shares = NULL;
        double masses[Centres];
        success(ddoq_prototypes_class(prototypes, c, NULL, &centroids, NULL, &shares, NULL));
        check(strcmp(ddoq_prototypes_class_name(prototypes, c), names[c]) == 0, "name of class %d", c);
        check(memcmp(centroids, ddoq_quantization_centroids(results[c]), sizeof(float) * Centres * Dimension) == 0,
              "centres of class %d", c);
        success(ddoq_point_masses(centroids, Centres, Dimension, rows, DDOQ_FP16, Rows, c == 1 ? weights : NULL, NULL,
                                  NULL, masses, NULL));
        for (int k = 0; k < Centres; k++)
            check(fabs(shares[k] - masses[k]) < 1e-6, "share %d of class %d", k, c);
    }
    ddoq_prototypes_close(prototypes);
    names[1] = names[0];
    failure(ddoq_prototypes_write(path, quantizer, results, names, 2, 3, 2, 2), DDOQ_FAILED, names[0]);
    names[1] = NULL;
    failure(ddoq_prototypes_write(path, quantizer, results, names, 2, 3, 2, 2), DDOQ_INVALID_ARGUMENT, "class_names");
    failure(ddoq_prototypes_write(path, quantizer, results, names, 1, 3, 2, 3), DDOQ_INVALID_ARGUMENT, "18");
    failure(ddoq_prototypes_write("/nowhere/p", quantizer, results, names, 1, 3, 2, 2), DDOQ_FAILED, "/nowhere");
    check(remove(path) == 0 && rmdir(folder) == 0, "something was left in %s", folder);
    for (int c = 0; c < 2; c++)
        ddoq_quantization_destroy(results[c]);
    ddoq_quantizer_destroy(quantizer);
    free(rows);
}
