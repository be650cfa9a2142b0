// Exported: modules, functions, launches.
#include "device.h"

#include <cstring>

using namespace ddoq::emulation;

namespace {

constexpr int SharedLimit = 227 * 1024, StaticSharedLimit = 48 * 1024;

// A module's image: a fat binary (whose contents are not looked at), or the text that stands for one where there is no
// nvcc. The kernels are always those that this library was built with.
bool is_image(const void* image) {
    uint32_t magic;
    std::memcpy(&magic, image, sizeof magic);
    return magic == 0xBA55ED50u || magic == 0x466243B1u || std::memcmp(image, "DDOQ emulated kernels", 21) == 0;
}

CUresult load(Device& device, CUmodule* module, const void* image) {
    if (image == nullptr || !is_image(image))
        return CUDA_ERROR_INVALID_IMAGE;
    *module = new CUmod_st{};
    (*module)->context = Device::current();
    device.modules.insert(*module);
    return CUDA_SUCCESS;
}

bool knows(Device& device, CUfunction function) {
    for (CUmodule module : device.modules)
        for (const auto& [name, known] : module->functions)
            if (known.get() == function)
                return true;
    return false;
}

CUresult launch_kernel(Device& device, CUfunction function, const Index3& grid, const Index3& block, unsigned shared,
                       CUstream stream, void** parameters, void** extra) {
    if (!knows(device, function) || !device.owns(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (parameters == nullptr || extra != nullptr || grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 ||
        block.y == 0 || block.z == 0 || grid.y > 65535 || grid.z > 65535)
        return CUDA_ERROR_INVALID_VALUE;
    if (static_cast<int>(shared) > function->maximum_dynamic_shared)
        return CUDA_ERROR_INVALID_VALUE;
    if (block.x * block.y * block.z > function->kernel->maximum_threads)
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    const auto* bytes = static_cast<const unsigned char*>(parameters[0]);
    auto copy = std::make_shared<std::vector<uint64_t>>((function->kernel->parameter_bytes + 7) / 8);
    std::memcpy(copy->data(), bytes, function->kernel->parameter_bytes);
    const std::string name = function->name;
    const Kernel* kernel = function->kernel;
    return device.enqueue(stream, {[&device, name, kernel, grid, block, shared, copy] {
                                       device.launches++;
                                       try {
                                           Block::run_grid({grid, block, shared, device.next_order()}, kernel->body,
                                                           kernel->function, copy->data());
                                       } catch (const KernelFault& fault) {
                                           return device.fail(name + ": " + fault.what());
                                       }
                                       const std::string damage = device.memory.find_damage();
                                       return damage.empty() ? CUDA_SUCCESS : device.fail(name + ": " + damage);
                                   },
                                   {}});
}

} // namespace

DDOQ_EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    return guarded_in_context("cuModuleLoadData", [&](Device& device) { return load(device, module, image); });
}

DDOQ_EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned, int*, void**) {
    return guarded_in_context("cuModuleLoadDataEx", [&](Device& device) { return load(device, module, image); });
}

DDOQ_EXPORT CUresult cuModuleUnload(CUmodule module) {
    return guarded_in_context("cuModuleUnload", [&](Device& device) {
        if (device.modules.count(module) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        const CUresult done = device.synchronize_all();
        device.modules.erase(module);
        delete module;
        return done;
    });
}

DDOQ_EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
    return guarded_in_context("cuModuleGetFunction", [&](Device& device) {
        if (device.modules.count(module) == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        const Kernel* kernel = Registry::find(name);
        if (kernel == nullptr)
            return CUDA_ERROR_NOT_FOUND;
        auto& slot = module->functions[name];
        if (slot == nullptr) {
            slot = std::make_unique<CUfunc_st>();
            slot->name = name;
            slot->kernel = kernel;
        }
        *function = slot.get();
        return CUDA_SUCCESS;
    });
}

// CUfunction_attribute numbers: 0 threads per block, 1 static shared memory, 3 local memory, 4 registers, 8 dynamic
// shared memory allowed.
DDOQ_EXPORT CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction function) {
    return guarded_in_context("cuFuncGetAttribute", [&](Device& device) {
        if (!knows(device, function))
            return CUDA_ERROR_INVALID_HANDLE;
        switch (attribute) {
        case 0:
            *value = static_cast<int>(function->kernel->maximum_threads);
            return CUDA_SUCCESS;
        case 1:
        case 3:
        case 4:
            *value = 0;
            return CUDA_SUCCESS;
        case 8:
            *value = function->maximum_dynamic_shared;
            return CUDA_SUCCESS;
        default:
            return CUDA_ERROR_INVALID_VALUE;
        }
    });
}

DDOQ_EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
    return guarded_in_context("cuFuncSetAttribute", [&](Device& device) {
        if (!knows(device, function))
            return CUDA_ERROR_INVALID_HANDLE;
        if (attribute == 9) // PREFERRED_SHARED_MEMORY_CARVEOUT, a hint
            return CUDA_SUCCESS;
        if (attribute != 8 || value < 0 || value > SharedLimit)
            return CUDA_ERROR_INVALID_VALUE;
        function->maximum_dynamic_shared = value < StaticSharedLimit ? StaticSharedLimit : value;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                                 size_t shared) {
    return guarded_in_context("cuOccupancyMaxActiveBlocksPerMultiprocessor", [&](Device& device) {
        if (!knows(device, function))
            return CUDA_ERROR_INVALID_HANDLE;
        if (threads <= 0 || threads > static_cast<int>(function->kernel->maximum_threads))
            return CUDA_ERROR_INVALID_VALUE;
        *blocks = static_cast<int>(shared) > function->maximum_dynamic_shared ? 0 : 1;
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                    CUstream stream, void** parameters, void** extra) {
    return guarded_in_context("cuLaunchKernel", [&](Device& device) {
        return launch_kernel(device, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, stream,
                             parameters, extra);
    });
}

DDOQ_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters,
                                      void** extra) {
    return guarded_in_context("cuLaunchKernelEx", [&](Device& device) {
        return launch_kernel(device, function, {config->gridDimX, config->gridDimY, config->gridDimZ},
                             {config->blockDimX, config->blockDimY, config->blockDimZ}, config->sharedMemBytes,
                             config->hStream, parameters, extra);
    });
}
