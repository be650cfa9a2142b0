// The few driver functions that a launch needs, found in libcuda at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ddoq::library {

struct Driver {
    int (*context_current)(void** context);
    int (*context_device)(int* device);
    int (*device_attribute)(int* value, int attribute, int device);
    int (*module_load)(void** module, const void* image);
    int (*module_unload)(void* module);
    int (*module_function)(void** function, void* module, const char* name);
    int (*function_set)(void* function, int attribute, int value);
    int (*occupancy)(int* blocks, void* function, int threads, size_t shared);
    int (*launch)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                  unsigned block_z, unsigned shared, void* stream, void** parameters, void** extra);
    int (*error_name)(int result, const char** name);

    // Null, with a reason, when there is no driver. Looked for once, in DDOQ_CUDA_DRIVER if that is set, else
    // libcuda.so.1 and libcuda.so.
    static const Driver* find(std::string& reason);

    std::string describe(const char* call, int result) const;
};

} // namespace ddoq::library
