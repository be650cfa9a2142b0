// Exported: initialisation, devices, contexts, errors, and the controls of the emulation itself.
#include "device.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace ddoq::emulation;

namespace {

// CUdevice_attribute numbers of the documentation, with what this device answers.
int attribute_value(int attribute, bool& known) {
    known = true;
    switch (attribute) {
    case 1: // MAX_THREADS_PER_BLOCK
        return 1024;
    case 2: // MAX_BLOCK_DIM_X
    case 3: // MAX_BLOCK_DIM_Y
        return 1024;
    case 4: // MAX_BLOCK_DIM_Z
        return 64;
    case 5: // MAX_GRID_DIM_X
        return 2147483647;
    case 6: // MAX_GRID_DIM_Y
    case 7: // MAX_GRID_DIM_Z
        return 65535;
    case 8: // MAX_SHARED_MEMORY_PER_BLOCK
        return 48 * 1024;
    case 10: // WARP_SIZE
        return 32;
    case 12: // MAX_REGISTERS_PER_BLOCK
        return 65536;
    case 13: // CLOCK_RATE, kHz: nothing here has a speed
    case 36: // MEMORY_CLOCK_RATE
        return 1;
    case 16: // MULTIPROCESSOR_COUNT: few, so that persistent blocks take several tiles
        return 4;
    case 31: // CONCURRENT_KERNELS
    case 41: // UNIFIED_ADDRESSING
    case 83: // MANAGED_MEMORY
        return attribute == 83 ? 0 : 1;
    case 37: // GLOBAL_MEMORY_BUS_WIDTH
        return 64;
    case 38: // L2_CACHE_SIZE
        return 1 << 20;
    case 39: // MAX_THREADS_PER_MULTIPROCESSOR
        return 2048;
    case 40: // ASYNC_ENGINE_COUNT
        return 2;
    case 75: // COMPUTE_CAPABILITY_MAJOR
        return 9;
    case 76: // COMPUTE_CAPABILITY_MINOR
        return 0;
    case 81: // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
        return 228 * 1024;
    case 82: // MAX_REGISTERS_PER_MULTIPROCESSOR
        return 65536;
    case 97: // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        return 227 * 1024;
    default:
        known = false;
        return 0;
    }
}

struct ErrorText {
    CUresult result;
    const char* name;
    const char* text;
};

constexpr ErrorText Errors[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no device was found"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* find_error(CUresult result) {
    for (const ErrorText& error : Errors)
        if (error.result == result)
            return &error;
    return nullptr;
}

CUresult copy_text(const std::string& text, char* buffer, int size) {
    if (buffer == nullptr || size <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(buffer, static_cast<size_t>(size), "%s", text.c_str());
    return CUDA_SUCCESS;
}

template <class Body>
CUresult with_device(const char* call, CUdevice device, Body body) {
    return guarded(call, [&](Device& d) {
        if (!d.initialized)
            return CUDA_ERROR_NOT_INITIALIZED;
        if (device < 0 || static_cast<size_t>(device) >= d.contexts.size())
            return CUDA_ERROR_INVALID_DEVICE;
        return body(d);
    });
}

} // namespace

DDOQ_EXPORT CUresult cuInit(unsigned flags) {
    return guarded("cuInit", [&](Device& device) {
        if (flags != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (device.contexts.empty())
            return CUDA_ERROR_NO_DEVICE;
        device.initialized = true;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDriverGetVersion(int* version) {
    return guarded("cuDriverGetVersion", [&](Device&) {
        *version = 12000;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDeviceGetCount(int* count) {
    return guarded("cuDeviceGetCount", [&](Device& device) {
        if (!device.initialized)
            return CUDA_ERROR_NOT_INITIALIZED;
        *count = static_cast<int>(device.contexts.size());
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
    return with_device("cuDeviceGet", ordinal, [&](Device&) {
        *device = ordinal;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
    return with_device("cuDeviceGetName", device,
                       [&](Device&) { return copy_text("DDOQ emulated device (CPU, logic only)", name, length); });
}

DDOQ_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
    return with_device("cuDeviceGetUuid_v2", device, [&](Device&) {
        std::memcpy(uuid->bytes, "DDOQ emulation ", 15);
        uuid->bytes[15] = static_cast<char>('0' + device);
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
    return with_device("cuDeviceTotalMem_v2", device, [&](Device& d) {
        *bytes = d.memory.capacity();
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
    return with_device("cuDeviceGetAttribute", device, [&](Device&) {
        bool known;
        *value = attribute_value(attribute, known);
        return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

DDOQ_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
    return with_device("cuDevicePrimaryCtxRetain", device, [&](Device& d) {
        d.contexts[static_cast<size_t>(device)].retained++;
        *context = &d.contexts[static_cast<size_t>(device)];
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return with_device("cuDevicePrimaryCtxRelease_v2", device, [&](Device& d) {
        CUctx_st& context = d.contexts[static_cast<size_t>(device)];
        if (context.retained == 0)
            return CUDA_ERROR_INVALID_CONTEXT;
        context.retained--;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
    return guarded("cuCtxSetCurrent", [&](Device& device) {
        if (!device.initialized)
            return CUDA_ERROR_NOT_INITIALIZED;
        if (context != nullptr && context->retained == 0)
            return CUDA_ERROR_INVALID_CONTEXT;
        Device::current() = context;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuCtxGetCurrent(CUcontext* context) {
    return guarded("cuCtxGetCurrent", [&](Device& device) {
        if (!device.initialized)
            return CUDA_ERROR_NOT_INITIALIZED;
        *context = Device::current();
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
    return guarded_in_context("cuCtxGetDevice", [&](Device&) {
        *device = Device::current()->device;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuCtxSynchronize() {
    return guarded_in_context("cuCtxSynchronize", [](Device& device) { return device.synchronize_all(); });
}

DDOQ_EXPORT CUresult cuGetErrorName(CUresult result, const char** name) {
    const ErrorText* error = find_error(result);
    *name = error == nullptr ? nullptr : error->name;
    return error == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

DDOQ_EXPORT CUresult cuGetErrorString(CUresult result, const char** text) {
    const ErrorText* error = find_error(result);
    *text = error == nullptr ? nullptr : error->text;
    return error == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

// Controls. Every name begins with ddoqEmulation, so no program mistakes them for CUDA's.

// Forgets everything and starts anew with a seed for the order of fibers, blocks and streams.
DDOQ_EXPORT void ddoqEmulationReset(uint64_t seed) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    device.reset(seed);
}

// The nth call from now (1 is the next) of an exported function returns `result` and does nothing.
DDOQ_EXPORT void ddoqEmulationFail(const char* call, int nth, int result) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    device.inject(call, nth, static_cast<CUresult>(result));
}

// What went wrong: a kernel's fault, or memory written where it must not be. Empty when nothing did.
DDOQ_EXPORT int ddoqEmulationFault(char* buffer, int size) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    const std::string text = device.fault.empty() ? device.memory.find_damage() : device.fault;
    copy_text(text, buffer, size);
    return text.empty() ? 0 : 1;
}

// Objects that are still alive, in words. Empty when there are none.
DDOQ_EXPORT int ddoqEmulationLeaks(char* buffer, int size) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    const std::string text = device.describe_leaks();
    copy_text(text, buffer, size);
    return text.empty() ? 0 : 1;
}

// How often each exported function was called since the last reset: "cuInit=1,cuMemAlloc_v2=20,...". Returns the length.
DDOQ_EXPORT int ddoqEmulationCalls(char* buffer, int size) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    std::string text;
    for (const auto& [call, count] : device.calls)
        text += (text.empty() ? "" : ",") + call + "=" + std::to_string(count);
    copy_text(text, buffer, size);
    return static_cast<int>(text.size());
}

// Kernels launched since the last reset.
DDOQ_EXPORT uint64_t ddoqEmulationLaunches() {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    return device.launches;
}
