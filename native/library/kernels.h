// A loaded module of kernels, and launches from it.
#pragma once

#include "ddoq_kernels.h"
#include "driver.h"

#include <map>
#include <string>

struct ddoq_kernels {
    const ddoq::library::Driver* driver = nullptr;
    void* module = nullptr;
    int multiprocessors = 0;

    struct Function {
        void* handle = nullptr;
        int blocks_per_multiprocessor = 0;
        int shared_bytes = -1;
    };
    std::map<std::string, Function> functions;
};

namespace ddoq::library {

// Notes words for the calling thread and returns the status.
ddoq_status fail(ddoq_status status, const std::string& words);

struct LaunchSize {
    int64_t work; // tiles, rows or classes: no more blocks than that
    int threads;
    int shared_bytes;
};

// Puts a kernel on a stream with as many blocks as the device runs at a time, or `size.work` if that is less. Work of 0
// is no launch.
ddoq_status launch(ddoq_kernels* kernels, const std::string& symbol, const LaunchSize& size, const void* parameters,
                   ddoq_stream stream);

} // namespace ddoq::library
