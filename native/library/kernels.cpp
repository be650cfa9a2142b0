#include "kernels.h"

#include <algorithm>

// The image, placed by image.S: the fat binary, or the text that stands for one where there is no nvcc.
extern "C" const unsigned char ddoq_kernel_image[];

namespace ddoq::library {
namespace {

constexpr int MultiprocessorCount = 16, ComputeCapabilityMajor = 75; // CUdevice_attribute
constexpr int MaximumDynamicShared = 8;                              // CUfunction_attribute
constexpr int InvalidImage = 200, NoBinaryForGpu = 209;              // CUresult
constexpr int OldestMajor = 8;

thread_local std::string last_error;

ddoq_status prepare(ddoq_kernels* kernels, const std::string& symbol, const LaunchSize& size,
                    ddoq_kernels::Function*& function) {
    const Driver& driver = *kernels->driver;
    function = &kernels->functions[symbol];
    if (function->handle == nullptr) {
        const int found = driver.module_function(&function->handle, kernels->module, symbol.c_str());
        if (found != 0)
            return fail(DDOQ_DRIVER_ERROR, driver.describe("cuModuleGetFunction", found) + " for '" + symbol + "'");
    }
    if (function->shared_bytes == size.shared_bytes)
        return DDOQ_SUCCESS;
    const int set = driver.function_set(function->handle, MaximumDynamicShared, size.shared_bytes);
    if (set != 0)
        return fail(DDOQ_DRIVER_ERROR, driver.describe("cuFuncSetAttribute", set) + " for " +
                                           std::to_string(size.shared_bytes) + " bytes of shared memory of " + symbol);
    const int asked = driver.occupancy(&function->blocks_per_multiprocessor, function->handle, size.threads,
                                       static_cast<size_t>(size.shared_bytes));
    if (asked != 0)
        return fail(DDOQ_DRIVER_ERROR, driver.describe("cuOccupancyMaxActiveBlocksPerMultiprocessor", asked));
    function->shared_bytes = size.shared_bytes;
    return DDOQ_SUCCESS;
}

} // namespace

ddoq_status fail(ddoq_status status, const std::string& words) {
    last_error = words;
    return status;
}

ddoq_status launch(ddoq_kernels* kernels, const std::string& symbol, const LaunchSize& size, const void* parameters,
                   ddoq_stream stream) {
    if (size.work <= 0)
        return DDOQ_SUCCESS;
    ddoq_kernels::Function* function;
    const ddoq_status prepared = prepare(kernels, symbol, size, function);
    if (prepared != DDOQ_SUCCESS)
        return prepared;
    const int64_t resident =
        static_cast<int64_t>(kernels->multiprocessors) * std::max(1, function->blocks_per_multiprocessor);
    void* pointers[] = {const_cast<void*>(parameters)};
    const int launched = kernels->driver->launch(function->handle, static_cast<unsigned>(std::min(size.work, resident)),
                                                 1, 1, static_cast<unsigned>(size.threads), 1, 1,
                                                 static_cast<unsigned>(size.shared_bytes), stream, pointers, nullptr);
    return launched == 0
               ? DDOQ_SUCCESS
               : fail(DDOQ_DRIVER_ERROR, kernels->driver->describe("cuLaunchKernel", launched) + " for " + symbol);
}

} // namespace ddoq::library

using namespace ddoq::library;

ddoq_status ddoq_kernels_create(ddoq_kernels** kernels) {
    if (kernels == nullptr)
        return fail(DDOQ_INVALID_ARGUMENT, "kernels is NULL");
    *kernels = nullptr;
    std::string reason;
    const Driver* driver = Driver::find(reason);
    if (driver == nullptr)
        return fail(DDOQ_NO_DRIVER, reason);
    void* context = nullptr;
    int device = 0, major = 0, multiprocessors = 0;
    const int asked = driver->context_current(&context);
    if (asked != 0 || context == nullptr)
        return fail(DDOQ_INVALID_ARGUMENT,
                    "no CUDA context is current on this thread; call cuCtxSetCurrent or cudaSetDevice first");
    int result = driver->context_device(&device);
    if (result == 0)
        result = driver->device_attribute(&major, ComputeCapabilityMajor, device);
    if (result == 0)
        result = driver->device_attribute(&multiprocessors, MultiprocessorCount, device);
    if (result != 0)
        return fail(DDOQ_DRIVER_ERROR, driver->describe("cuDeviceGetAttribute", result));
    if (major < OldestMajor)
        return fail(DDOQ_NO_KERNELS, "the device has compute capability " + std::to_string(major) +
                                         ".x; the kernels need 8.0 (Ampere) or newer");
    void* module = nullptr;
    result = driver->module_load(&module, ddoq_kernel_image);
    if (result == InvalidImage || result == NoBinaryForGpu)
        return fail(DDOQ_NO_KERNELS,
                    driver->describe("cuModuleLoadData", result) +
                        "; the library was built without nvcc, or for other devices: rebuild it with CUDA");
    if (result != 0)
        return fail(DDOQ_DRIVER_ERROR, driver->describe("cuModuleLoadData", result));
    *kernels = new ddoq_kernels{driver, module, multiprocessors, {}};
    return DDOQ_SUCCESS;
}

void ddoq_kernels_destroy(ddoq_kernels* kernels) {
    if (kernels == nullptr)
        return;
    kernels->driver->module_unload(kernels->module);
    delete kernels;
}

const char* ddoq_kernels_last_error(void) {
    return last_error.c_str();
}
