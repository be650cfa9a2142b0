// A small test frame: named cases, checks that treat NaN as failure, data and the low-precision rule.
//
// The low-precision rule: our error against fp64 is at most twice the error of the naive loop in the same types, plus a
// tiny absolute term. Errors are the largest over an array, so one unlucky element of either side does not decide.
#pragma once

#include "../emulation/intrinsics.h"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace ddoq::tests {

using emulation::bfloat16_t;
using emulation::half_t;
using emulation::to_float;

class Failure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    throw Failure(text.str());
}

template <class... Parts>
void check(bool condition, const Parts&... parts) {
    if (!condition)
        fail(parts...);
}

// The largest |a - reference| over an array; NaN or a missing element counts as infinite.
class LargestError {
  public:
    void add(double value, double reference) {
        const double error = std::abs(value - reference);
        if (!(error <= largest_))
            largest_ = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    }
    double value() const { return largest_; }

  private:
    double largest_ = 0;
};

inline void check_low_precision(const LargestError& ours, const LargestError& naive, double tiny,
                                const std::string& what) {
    const double bound = 2 * naive.value() + tiny;
    check(ours.value() <= bound, what, ": error ", ours.value(), " against fp64, allowed ", bound, " (naive ",
          naive.value(), ")");
}

template <class T>
T round_to(float value);
template <>
inline half_t round_to<half_t>(float value) {
    return emulation::to_half(value);
}
template <>
inline bfloat16_t round_to<bfloat16_t>(float value) {
    return emulation::to_bfloat16(value);
}
template <>
inline float round_to<float>(float value) {
    return value;
}
inline float to_float(float value) {
    return value;
}

class Source {
  public:
    explicit Source(uint64_t seed) : engine_(seed) {}
    float gaussian() { return gaussian_(engine_); }
    // In [low, high]; small integers make every product and sum exact, so ties are exact too.
    int integer(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }
    uint64_t bits() { return engine_(); }

  private:
    std::mt19937_64 engine_;
    std::normal_distribution<float> gaussian_;
};

template <class T>
std::vector<T> gaussian_rows(Source& source, size_t count) {
    std::vector<T> values(count);
    for (T& value : values)
        value = round_to<T>(source.gaussian());
    return values;
}

template <class T>
std::vector<T> integer_rows(Source& source, size_t count, int limit) {
    std::vector<T> values(count);
    for (T& value : values)
        value = round_to<T>(static_cast<float>(source.integer(-limit, limit)));
    return values;
}

// Every test executable lists its cases and calls this; a first argument selects the cases whose name contains it.
using Case = std::pair<std::string, std::function<void()>>;

inline int run_cases(int argc, char** argv, const std::vector<Case>& cases) {
    int failed = 0, ran = 0;
    for (const auto& [name, body] : cases) {
        if (argc > 1 && name.find(argv[1]) == std::string::npos)
            continue;
        ran++;
        try {
            body();
            std::printf("passed  %s\n", name.c_str());
        } catch (const std::exception& error) {
            failed++;
            std::printf("FAILED  %s\n        %s\n", name.c_str(), error.what());
        }
        std::fflush(stdout);
    }
    std::printf("%d passed, %d failed\n", ran - failed, failed);
    return failed == 0 && ran > 0 ? 0 : 1;
}

// Number of fiber orders that a case runs under.
constexpr uint64_t FiberOrders = 20;

} // namespace ddoq::tests
