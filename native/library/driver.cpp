#include "driver.h"

#include <cstdlib>
#include <dlfcn.h>

namespace ddoq::library {
namespace {

struct Found {
    Driver driver{};
    bool complete = false;
    std::string reason;
};

Found look() {
    Found found;
    const char* chosen = std::getenv("DDOQ_CUDA_DRIVER");
    void* library = nullptr;
    if (chosen != nullptr && chosen[0] != '\0') {
        library = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr)
            found.reason = std::string("DDOQ_CUDA_DRIVER names '") + chosen + "', which cannot be loaded: " + dlerror();
    } else {
        for (const char* name : {"libcuda.so.1", "libcuda.so"})
            if (library == nullptr)
                library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr)
            found.reason = "neither libcuda.so.1 nor libcuda.so was found; install NVIDIA's driver";
    }
    if (library == nullptr)
        return found;
    const auto resolve = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
        if (function == nullptr && found.reason.empty())
            found.reason = std::string("the CUDA driver library has no function ") + name + "; update the driver";
    };
    Driver& d = found.driver;
    resolve(d.context_current, "cuCtxGetCurrent");
    resolve(d.context_device, "cuCtxGetDevice");
    resolve(d.device_attribute, "cuDeviceGetAttribute");
    resolve(d.module_load, "cuModuleLoadData");
    resolve(d.module_unload, "cuModuleUnload");
    resolve(d.module_function, "cuModuleGetFunction");
    resolve(d.function_set, "cuFuncSetAttribute");
    resolve(d.occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
    resolve(d.launch, "cuLaunchKernel");
    resolve(d.error_name, "cuGetErrorName");
    found.complete = found.reason.empty();
    return found;
}

} // namespace

const Driver* Driver::find(std::string& reason) {
    static const Found found = look();
    reason = found.reason;
    return found.complete ? &found.driver : nullptr;
}

std::string Driver::describe(const char* call, int result) const {
    const char* name = nullptr;
    error_name(result, &name);
    return std::string(call) + " failed: " + (name == nullptr ? "error " + std::to_string(result) : std::string(name));
}

} // namespace ddoq::library
