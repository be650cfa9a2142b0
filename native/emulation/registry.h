// Kernels by symbol name, filled by static objects that DDOQ_KERNEL declares beside each kernel.
#pragma once

#include "block.h"

#include <cstddef>
#include <map>
#include <string>

namespace ddoq::emulation {

struct Kernel {
    const void* function;
    Block::Body body;
    size_t parameter_bytes;
    unsigned maximum_threads; // from the launch bounds
};

class Registry {
  public:
    static const std::map<std::string, Kernel>& all() { return kernels(); }
    static const Kernel* find(const std::string& name) {
        auto found = kernels().find(name);
        return found == kernels().end() ? nullptr : &found->second;
    }
    static void add(const char* name, const Kernel& kernel) { kernels().emplace(name, kernel); }

  private:
    static std::map<std::string, Kernel>& kernels() {
        static std::map<std::string, Kernel> map;
        return map;
    }
};

struct Registration {
    template <class Parameters>
    Registration(const char* name, void (*function)(Parameters), unsigned maximum_threads) {
        using Argument = std::remove_const_t<Parameters>;
        auto body = [](const void* kernel, const void* parameters) {
            auto call = reinterpret_cast<void (*)(Parameters)>(const_cast<void*>(kernel));
            call(*static_cast<const Argument*>(parameters));
        };
        Registry::add(name, {reinterpret_cast<const void*>(function), body, sizeof(Argument), maximum_threads});
    }
};

// Runs a kernel by name over a grid. Throws KernelFault for an unknown name, a wrong shape, or a fault inside.
inline void launch(const std::string& name, const LaunchShape& shape, const void* parameters) {
    const Kernel* kernel = Registry::find(name);
    if (kernel == nullptr)
        throw KernelFault("no kernel is named '" + name + "'");
    const unsigned threads = shape.block.x * shape.block.y * shape.block.z;
    if (threads > kernel->maximum_threads)
        throw KernelFault(name + ": " + std::to_string(threads) + " threads in a block, its launch bounds allow " +
                          std::to_string(kernel->maximum_threads));
    try {
        Block::run_grid(shape, kernel->body, kernel->function, parameters);
    } catch (const KernelFault& error) {
        throw KernelFault(name + ": " + error.what());
    }
}

} // namespace ddoq::emulation
