// ddoq_weighted_ce_* and ddoq_loss_sum_f32 against fp64: target kinds, odd sizes, masked classes, large logits, in
// place.
#include "../../kernels/weighted_ce.cuh"
#include "classes.h"

using namespace ddoq;
using namespace ddoq::tests;

namespace {

struct Options {
    int rows = 5;
    int classes = 10;
    TargetKind kind = TargetKind::Probabilities;
    bool entropy = false;
    bool weights = true;
    bool gradients = true;
    bool in_place = false;
    bool block = false;
    int stride_extra = 0;
    float temperature = 1, target_temperature = 1, spread = 3;
    float masked = 0; // fraction of classes at -infinity
    unsigned grid = 3;
    uint64_t order = 0, seed = 1;
};

template <class T>
void run(const Options& o) {
    Source source(o.seed);
    const size_t rows = static_cast<size_t>(o.rows), classes = static_cast<size_t>(o.classes);
    const size_t stride = classes + static_cast<size_t>(o.stride_extra);
    std::vector<T> logits(rows * stride), targets(rows * stride), gradients(rows * stride, round_to<T>(-99.0f));
    std::vector<int32_t> labels(rows);
    std::vector<float> weights(rows), losses(rows, NAN);
    for (size_t i = 0; i < rows; i++) {
        weights[i] = static_cast<float>(source.integer(0, 40)) / 16.0f;
        labels[i] = classes == 0 || source.integer(0, 5) == 0 ? -1 : source.integer(0, o.classes - 1);
        float sum = 0;
        std::vector<float> row(classes);
        for (size_t k = 0; k < classes; k++) {
            const bool masked = k > 0 && static_cast<int>(k) != labels[i] && source.integer(0, 99) < o.masked * 100;
            logits[i * stride + k] = round_to<T>(masked ? -INFINITY : o.spread * source.gaussian());
            row[k] = masked ? 0.0f : std::exp(2 * source.gaussian());
            sum += row[k];
            if (o.kind == TargetKind::TeacherLogits)
                targets[i * stride + k] = round_to<T>(masked ? -INFINITY : o.spread * source.gaussian());
        }
        for (size_t k = 0; k < classes && o.kind == TargetKind::Probabilities; k++)
            targets[i * stride + k] = round_to<T>(row[k] / sum); // rounded: their sum is not exactly 1
    }
    const std::vector<T> logits_before = logits;
    WeightedCeParameters p{};
    p.logits = logits.data();
    p.targets = o.kind == TargetKind::Labels ? nullptr : targets.data();
    p.labels = o.kind == TargetKind::Labels ? labels.data() : nullptr;
    p.weights = o.weights ? weights.data() : nullptr;
    p.losses = losses.data();
    p.gradients = !o.gradients ? nullptr : o.in_place ? logits.data() : gradients.data();
    p.logit_stride = p.target_stride = p.gradient_stride = static_cast<int64_t>(stride);
    p.row_count = o.rows;
    p.class_count = o.classes;
    p.target_kind = o.kind;
    p.subtract_entropy = o.entropy;
    p.temperature = o.temperature;
    p.target_temperature = o.target_temperature;
    p.gradient_scale = 1.0f / 8.0f;
    const std::string symbol = std::string("ddoq_weighted_ce_") + (o.block ? "block_" : "warp_") + TypeName<T>;
    emulation::launch(symbol, shape(o.grid, 256, o.block ? WeightedCeSharedBytes : 0, o.order), &p);
    const std::vector<T>& written = o.in_place ? logits : gradients;

    LargestError loss, naive_loss, gradient, naive_gradient;
    double largest_loss = 1; // a loss is rounded several times at its own size
    for (size_t i = 0; i < rows; i++) {
        const T* z = &logits_before[i * stride];
        const T* t = &targets[i * stride];
        const bool ignored = o.kind == TargetKind::Labels && labels[i] < 0;
        // fp64, and the plain formula in fp32.
        const auto evaluate = [&]<class F>(F) {
            std::vector<F> q(classes), softmax(classes);
            F largest = -INFINITY, sum = 0, mass = 0, value = 0, entropy = 0;
            for (size_t k = 0; k < classes; k++)
                largest = std::max(largest, F(to_float(z[k])) / F(o.temperature));
            for (size_t k = 0; k < classes; k++)
                sum += softmax[k] = std::exp(F(to_float(z[k])) / F(o.temperature) - largest);
            if (o.kind == TargetKind::TeacherLogits) {
                F top = -INFINITY, total = 0;
                for (size_t k = 0; k < classes; k++)
                    top = std::max(top, F(to_float(t[k])) / F(o.target_temperature));
                for (size_t k = 0; k < classes; k++)
                    total += q[k] = std::exp(F(to_float(t[k])) / F(o.target_temperature) - top);
                for (F& share : q)
                    share /= total;
            } else {
                for (size_t k = 0; k < classes; k++)
                    q[k] = o.kind == TargetKind::Labels ? F(static_cast<int>(k) == labels[i]) : F(to_float(t[k]));
            }
            for (size_t k = 0; k < classes; k++) {
                mass += q[k];
                if (q[k] > 0) {
                    value -= q[k] * (F(to_float(z[k])) / F(o.temperature) - largest - std::log(sum));
                    entropy += q[k] * std::log(q[k]);
                }
            }
            const F weight = o.weights ? F(weights[i]) : F(1);
            value = weight * (o.entropy ? value + entropy : value);
            for (size_t k = 0; k < classes; k++)
                softmax[k] = weight / 8 / F(o.temperature) * (mass * softmax[k] / sum - q[k]);
            return std::make_pair(value, softmax);
        };
        const auto exact = evaluate(double{});
        const auto naive = evaluate(float{});
        loss.add(losses[i], ignored ? 0 : exact.first);
        largest_loss = std::max(largest_loss, std::abs(exact.first));
        naive_loss.add(ignored ? 0 : naive.first, ignored ? 0 : exact.first);
        for (size_t k = 0; k < classes && o.gradients; k++) {
            const double expected = ignored ? 0 : exact.second[k];
            gradient.add(to_float(written[i * stride + k]), expected);
            naive_gradient.add(ignored ? 0 : to_float(round_to<T>(naive.second[k])), expected);
        }
        for (size_t k = classes; k < stride; k++)
            check(to_float(gradients[i * stride + k]) == to_float(round_to<T>(-99.0f)), symbol, ": padding written");
    }
    std::ostringstream where;
    where << symbol << " B=" << o.rows << " C=" << o.classes << " kind=" << static_cast<int>(o.kind)
          << " order=" << o.order << " seed=" << o.seed;
    check_low_precision(loss, naive_loss, 2.4e-7 * largest_loss, where.str() + " loss");
    check_low_precision(gradient, naive_gradient, 2e-8, where.str() + " gradient");
}

constexpr TargetKind Kinds[] = {TargetKind::Probabilities, TargetKind::TeacherLogits, TargetKind::Labels};

template <class T>
void odd_sizes() {
    uint64_t seed = 1;
    for (const int size : OddSizes)
        for (const bool block : {false, true}) {
            if (size > 0)
                run<T>({.rows = 3,
                        .classes = size,
                        .kind = Kinds[seed % 3],
                        .entropy = seed % 2 == 0,
                        .block = block,
                        .stride_extra = static_cast<int>(seed % 3) * 4,
                        .seed = seed});
            run<T>(
                {.rows = size > 300 ? 40 : size, .classes = 10, .kind = Kinds[seed % 3], .block = block, .seed = seed});
            seed++;
        }
    for (const TargetKind kind : Kinds)
        run<T>({.rows = 2, .classes = 2500, .kind = kind, .block = true, .seed = seed++});
}

template <class T>
void options() {
    uint64_t seed = 1;
    for (const TargetKind kind : Kinds)
        for (const bool block : {false, true}) {
            run<T>({.kind = kind,
                    .entropy = true,
                    .block = block,
                    .temperature = 20,
                    .target_temperature = 20,
                    .seed = seed++});
            run<T>({.classes = 16, .kind = kind, .in_place = true, .block = block, .seed = seed++});
            run<T>({.classes = 17, .kind = kind, .in_place = true, .block = block, .seed = seed++});
            run<T>({.kind = kind, .weights = false, .gradients = false, .block = block, .seed = seed++});
            run<T>({.classes = 40, .kind = kind, .entropy = true, .block = block, .masked = 0.5f, .seed = seed++});
            run<T>({.classes = 33, .kind = kind, .block = block, .spread = 3000, .seed = seed++});
        }
}

template <class T>
void fiber_orders() {
    for (uint64_t order = 0; order < FiberOrders; order++)
        run<T>({.rows = 11,
                .classes = std::max(1, odd_size(order)),
                .kind = Kinds[order % 3],
                .entropy = true,
                .block = order % 2 == 0,
                .grid = 1 + static_cast<unsigned>(order % 3),
                .order = order,
                .seed = order});
}

void loss_sums() {
    for (const int rows : OddSizes) {
        Source source(static_cast<uint64_t>(rows));
        const auto losses = gaussian_rows<float>(source, static_cast<size_t>(rows));
        const auto weights = gaussian_rows<float>(source, static_cast<size_t>(rows));
        for (uint64_t order = 0; order < 4; order++) {
            double sums[2] = {NAN, NAN}, expected[2] = {};
            for (size_t i = 0; i < losses.size(); i++) {
                expected[0] += static_cast<double>(losses[i]);
                expected[1] += order == 0 ? 1 : static_cast<double>(weights[i]);
            }
            const LossSumParameters p{losses.data(), order == 0 ? nullptr : weights.data(), sums, rows};
            emulation::launch("ddoq_loss_sum_f32", shape(1, LossSumThreads, LossSumSharedBytes, order), &p);
            for (int i = 0; i < 2; i++)
                check(std::abs(sums[i] - expected[i]) <= 1e-10, "sum ", i, " of ", rows, " rows is ", sums[i], " not ",
                      expected[i]);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"odd sizes f16", odd_sizes<half_t>},
                      {"odd sizes bf16", odd_sizes<bfloat16_t>},
                      {"odd sizes f32", odd_sizes<float>},
                      {"options f16", options<half_t>},
                      {"options bf16", options<bfloat16_t>},
                      {"options f32", options<float>},
                      {"fiber orders f16", fiber_orders<half_t>},
                      {"fiber orders bf16", fiber_orders<bfloat16_t>},
                      {"fiber orders f32", fiber_orders<float>},
                      {"loss sums", loss_sums}});
}
