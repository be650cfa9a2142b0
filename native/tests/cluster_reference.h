// The algorithms of ddoq_cluster_* written plainly: sequential, fp64, every centroid as an explicit combination of
// rows. Same rules and random draws; nothing of the kernels' bookkeeping (scales, running updates, chosen moves).
#pragma once

#include "../../kernels/cluster.cuh"
#include "../../kernels/counter_random.cuh"

#include <algorithm>
#include <vector>

namespace ddoq::tests {

class ClusterReference {
  public:
    ClusterReference(const float* gram, int stride, const float* norms, int rows, int centroids, int number,
                     const ClusterOptions& options)
        : rows_(rows), centroids_(centroids), number_(number), o_(options), gram_(static_cast<size_t>(rows * rows)),
          norms_(norms, norms + rows), labels(static_cast<size_t>(rows), -1), counts(static_cast<size_t>(centroids)),
          running(static_cast<size_t>(centroids)), companion(static_cast<size_t>(centroids)),
          weights_(static_cast<size_t>(centroids), std::vector<double>(static_cast<size_t>(rows))) {
        double total = 0;
        for (int i = 0; i < rows; i++) {
            total += norms_[at(i)];
            for (int j = 0; j < rows; j++)
                gram_[at(i * rows + j)] = static_cast<double>(gram[i * stride + j]);
        }
        zero_ = 1e-6 * total / std::max(1, rows);
        random_.open(o_.seed, stream(1));
        reassignment_.open(o_.seed, stream(3));
    }

    void run_lloyd() {
        place_first(rows_);
        std::vector<int> previous(at(rows_), -1);
        double last = INFINITY;
        while (iterations < o_.max_iterations) {
            assign();
            fill_empty_cells();
            if (labels == previous)
                break;
            move_to_means();
            iterations++;
            previous = labels;
            double sum = 0;
            for (double d : distances_)
                sum += d;
            if (o_.tolerance > 0 && last - sum < o_.tolerance * last)
                break;
            last = sum;
        }
        if (o_.refine != 0)
            refine();
    }

    void run_batches() {
        if (o_.batches == ClusterBatches::D4m) {
            const int buffer = std::min(o_.km_expand * o_.requested_centroids, rows_);
            place_first(buffer);
            for (int pass = 0; pass < o_.passes; pass++)
                for (int first = 0; first <= rows_ - buffer; first += buffer) {
                    std::vector<int> batch;
                    for (int i = 0; i < buffer; i++)
                        batch.push_back(first + i);
                    step(batch);
                    iterations++;
                }
        } else {
            run_random_batches();
        }
        assign();
        count();
    }

    void run_clvq() {
        place_first(rows_);
        std::fill(companion.begin(), companion.end(), 1.0 / centroids_);
        const int64_t steps = int64_t{o_.passes} * rows_;
        for (int64_t t = 0; t < steps; t++) {
            const uint64_t u = random_block(o_.seed, stream(2), static_cast<uint64_t>(t)).words[0];
            const int row = static_cast<int>(u * static_cast<uint64_t>(rows_) >> 32);
            const int winner = nearest(row, nullptr);
            running[at(winner)]++;
            double rate = 1.0 / static_cast<double>(running[at(winner)] + 1);
            double companion_rate = 1.0 / static_cast<double>(centroids_ + t + 1);
            if (o_.clvq_scale != 0)
                rate = companion_rate = o_.clvq_scale / (o_.clvq_offset + static_cast<double>(t) + 1);
            for (double& w : weights_[at(winner)])
                w *= 1 - rate;
            weights_[at(winner)][at(row)] += rate;
            for (int k = 0; k < centroids_; k++)
                companion[at(k)] = (1 - companion_rate) * companion[at(k)] + (k == winner ? companion_rate : 0);
            changed(winner);
        }
        iterations = steps;
        assign();
        count();
    }

    // Sum of squared distances of all rows to their nearest centroid.
    double distortion() {
        double sum = 0;
        for (int i = 0; i < rows_; i++) {
            double distance;
            nearest(i, &distance);
            sum += distance;
        }
        return sum;
    }

    // The largest gain of a single move by Hartigan's test.
    double best_gain() {
        double best = -INFINITY;
        for (int i = 0; i < rows_; i++)
            best = std::max(best, gain(i, nullptr));
        return best;
    }

    const std::vector<double>& weights(int k) const { return weights_[at(k)]; }

  private:
    static size_t at(int64_t i) { return static_cast<size_t>(i); }
    static constexpr int Block = 64;

    int rows_, centroids_, number_;
    ClusterOptions o_;
    std::vector<double> gram_, norms_;

  public:
    std::vector<int> labels;
    std::vector<int64_t> counts, running;
    std::vector<double> companion;
    int64_t iterations = 0, moves = 0;

  private:
    uint64_t stream(uint32_t purpose) const {
        return static_cast<uint64_t>(static_cast<uint32_t>(number_)) << 32 |
               (purpose + 16u * static_cast<uint32_t>(o_.restart));
    }

    double gram(int i, int j) const { return gram_[at(i * rows_ + j)]; }

    // Products with all rows and the squared norm, from the weights.
    void changed(int k) {
        products_.resize(at(centroids_));
        squares_.resize(at(centroids_));
        std::vector<double>& m = products_[at(k)];
        m.assign(at(rows_), 0.0);
        for (int i = 0; i < rows_; i++)
            if (weights_[at(k)][at(i)] != 0)
                for (int j = 0; j < rows_; j++)
                    m[at(j)] += weights_[at(k)][at(i)] * gram(i, j);
        squares_[at(k)] = 0;
        for (int i = 0; i < rows_; i++)
            squares_[at(k)] += weights_[at(k)][at(i)] * m[at(i)];
    }

    double distance(int row, int k) const { return norms_[at(row)] - 2 * products_[at(k)][at(row)] + squares_[at(k)]; }

    int nearest(int row, double* to) {
        int best = 0;
        for (int k = 1; k < centroids_; k++)
            if (distance(row, k) < distance(row, best))
                best = k;
        if (to != nullptr)
            *to = std::max(0.0, distance(row, best));
        return best;
    }

    void place(int k, int row) {
        std::fill(weights_[at(k)].begin(), weights_[at(k)].end(), 0.0);
        weights_[at(k)][at(row)] = 1;
        changed(k);
    }

    void count() {
        std::fill(counts.begin(), counts.end(), 0);
        for (int label : labels)
            counts[at(label)]++;
    }

    void assign() {
        distances_.assign(at(rows_), 0.0);
        for (int i = 0; i < rows_; i++)
            labels[at(i)] = nearest(i, &distances_[at(i)]);
        count();
    }

    double between(int i, int j) const {
        const double d = norms_[at(i)] + norms_[at(j)] - 2 * gram(i, j);
        return d > zero_ ? d : 0;
    }

    void place_first(int limit) {
        if (o_.initialization == ClusterInitialization::Random) {
            std::vector<int> order(at(limit));
            for (int i = 0; i < limit; i++)
                order[at(i)] = i;
            for (int k = 0; k < centroids_; k++) {
                std::swap(order[at(k)], order[at(k + random_.next_below(limit - k))]);
                place(k, order[at(k)]);
            }
            return;
        }
        const int trials = 2 + static_cast<int>(std::log(centroids_));
        const int first = random_.next_below(limit);
        place(0, first);
        std::vector<double> near(at(limit));
        for (int i = 0; i < limit; i++)
            near[at(i)] = between(i, first);
        for (int k = 1; k < centroids_; k++) {
            double potential = 0;
            for (double d : near)
                potential += d;
            if (!(potential > 0)) {
                place(k, k);
                continue;
            }
            std::vector<int> picked;
            for (int t = 0; t < trials; t++) {
                const double target = random_.next_double() * potential;
                double sum = 0;
                int row = 0;
                for (int i = 0; i < limit && sum <= target; i++) {
                    if (near[at(i)] <= 0)
                        continue;
                    sum += near[at(i)];
                    row = i;
                }
                picked.push_back(row);
            }
            std::vector<double> kept;
            double kept_sum = INFINITY;
            int kept_row = 0;
            for (int row : picked) {
                std::vector<double> lowered = near;
                double sum = 0;
                for (int i = 0; i < limit; i++)
                    sum += lowered[at(i)] = std::min(lowered[at(i)], between(i, row));
                if (sum < kept_sum) {
                    kept_sum = sum;
                    kept = lowered;
                    kept_row = row;
                }
            }
            near = kept;
            place(k, kept_row);
        }
    }

    void fill_empty_cells() {
        for (int k = 0; k < centroids_; k++) {
            if (counts[at(k)] > 0)
                continue;
            int farthest = -1;
            double largest = zero_;
            for (int i = 0; i < rows_; i++)
                if (distances_[at(i)] > largest && counts[at(labels[at(i)])] > 1) {
                    largest = distances_[at(i)];
                    farthest = i;
                }
            if (farthest < 0)
                return;
            counts[at(labels[at(farthest)])]--;
            labels[at(farthest)] = k;
            counts[at(k)] = 1;
            filled++;
            distances_[at(farthest)] = 0;
        }
    }

    void move_to_means() {
        for (int k = 0; k < centroids_; k++) {
            if (counts[at(k)] == 0)
                continue;
            for (int i = 0; i < rows_; i++)
                weights_[at(k)][at(i)] = labels[at(i)] == k ? 1.0 / static_cast<double>(counts[at(k)]) : 0.0;
            changed(k);
        }
    }

    double gain(int row, int* to) const {
        const int from = labels[at(row)];
        const double n = static_cast<double>(counts[at(from)]);
        if (n < 2)
            return -INFINITY;
        double best = INFINITY;
        for (int k = 0; k < centroids_; k++) {
            const double m = static_cast<double>(counts[at(k)]), cost = m / (m + 1) * distance(row, k);
            if (k != from && cost < best) {
                best = cost;
                if (to != nullptr)
                    *to = k;
            }
        }
        return n / (n - 1) * distance(row, from) - best;
    }

    void refine() {
        struct Move {
            double gain;
            int row, to;
        };
        while (moves < int64_t{o_.max_iterations} * rows_) {
            iterations++;
            std::vector<Move> proposals;
            for (int i = 0; i < rows_; i++) {
                int to = 0;
                const double g = gain(i, &to);
                if (g > zero_)
                    proposals.push_back({g, i, to});
            }
            if (proposals.empty())
                break;
            std::stable_sort(proposals.begin(), proposals.end(),
                             [](const Move& a, const Move& b) { return a.gain > b.gain; });
            std::vector<bool> touched(at(centroids_));
            for (const Move& move : proposals) {
                const int from = labels[at(move.row)];
                if (touched[at(from)] || touched[at(move.to)])
                    continue;
                touched[at(from)] = touched[at(move.to)] = true;
                counts[at(from)]--;
                counts[at(move.to)]++;
                labels[at(move.row)] = move.to;
                moves++;
            }
            move_to_means();
        }
    }

    double step(const std::vector<int>& batch) {
        since_ += static_cast<int64_t>(batch.size());
        const bool reset = since_ >= 10 * centroids_ || std::count(running.begin(), running.end(), 0) > 0;
        if (reset)
            since_ = 0;
        double sum = 0;
        std::vector<int> winners;
        for (int row : batch) {
            double d;
            winners.push_back(nearest(row, &d));
            sum += d;
        }
        for (int k = 0; k < centroids_; k++) {
            const double weight = static_cast<double>(running[at(k)]);
            const double members = static_cast<double>(std::count(winners.begin(), winners.end(), k));
            if (members == 0)
                continue;
            for (double& w : weights_[at(k)])
                w *= weight / (weight + members);
            for (size_t b = 0; b < batch.size(); b++)
                if (winners[b] == k)
                    weights_[at(k)][at(batch[b])] += 1 / (weight + members);
            running[at(k)] += static_cast<int64_t>(members);
            changed(k);
        }
        if (reset && o_.reassignment_ratio > 0)
            reassign(batch);
        return sum;
    }

    void reassign(const std::vector<int>& batch) {
        const double threshold =
            o_.reassignment_ratio * static_cast<double>(*std::max_element(running.begin(), running.end()));
        std::vector<int> few;
        for (int k = 0; k < centroids_; k++)
            if (static_cast<double>(running[at(k)]) < threshold)
                few.push_back(k);
        if (few.size() > batch.size() / 2) {
            std::stable_sort(few.begin(), few.end(), [&](int a, int b) { return running[at(a)] < running[at(b)]; });
            few.resize(batch.size() / 2);
            std::sort(few.begin(), few.end());
        }
        int64_t lowest = INT64_MAX;
        for (int k = 0; k < centroids_; k++)
            if (std::find(few.begin(), few.end(), k) == few.end())
                lowest = std::min(lowest, running[at(k)]);
        std::vector<int> pool = batch;
        for (size_t r = 0; r < few.size(); r++) {
            std::swap(pool[r], pool[r + at(reassignment_.next_below(static_cast<int>(pool.size() - r)))]);
            place(few[r], pool[r]);
            running[at(few[r])] = lowest;
        }
        reassigned += static_cast<int64_t>(few.size());
    }

    void run_random_batches() {
        CounterRandom sampling;
        sampling.open(o_.seed, stream(2));
        place_first(rows_);
        const int size = std::min(o_.batch_size, rows_);
        const int64_t limit = int64_t{o_.max_iterations} * rows_ / size;
        const double newest = std::min(1.0, 2.0 * size / (rows_ + 1));
        double smoothed = NAN, lowest = INFINITY;
        int without = 0;
        while (iterations < limit) {
            std::vector<int> batch;
            for (int i = 0; i < size; i++)
                batch.push_back(sampling.next_below(rows_));
            const double mean = step(batch) / size;
            if (++iterations == 1)
                continue;
            smoothed = std::isnan(smoothed) ? mean : smoothed * (1 - newest) + mean * newest;
            if (smoothed < lowest) {
                lowest = smoothed;
                without = 0;
            } else if (++without >= o_.max_no_improvement) {
                break;
            }
        }
    }

  public:
    int64_t reassigned = 0, filled = 0; // how often the rarer rules were needed

  private:
    double zero_ = 0;
    int64_t since_ = 0;
    CounterRandom random_, reassignment_;
    std::vector<std::vector<double>> weights_, products_;
    std::vector<double> squares_, distances_;
};

} // namespace ddoq::tests
