// Exported: device and host memory, copies, fills.
#include "device.h"

#include <cstring>

using namespace ddoq::emulation;

namespace {

unsigned char* address(CUdeviceptr pointer) {
    return reinterpret_cast<unsigned char*>(static_cast<uintptr_t>(pointer));
}

CUresult check_device_range(Device& device, CUdeviceptr pointer, size_t bytes, const char* what) {
    if (device.memory.is_device(address(pointer), bytes))
        return CUDA_SUCCESS;
    device.fault = std::string(what) + (device.memory.is_freed(address(pointer))
                                            ? ": the device memory has been freed"
                                            : ": " + std::to_string(bytes) + " bytes are not in one device allocation");
    return CUDA_ERROR_INVALID_VALUE;
}

// What compute-sanitizer's initcheck sees: fresh memory holds bytes of ones, and no result is two words of them. A copy
// of such words goes on, and the fault is told when somebody asks.
void note_unwritten(Device& device, const unsigned char* source, size_t bytes) {
    constexpr size_t Word = 8;
    static const unsigned char unwritten[Word] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    for (size_t i = 0; i + Word <= bytes && device.fault.empty(); i += Word)
        if (std::memcmp(source + i, unwritten, Word) == 0)
            device.fault = "copy from the device: bytes " + std::to_string(i) + " to " + std::to_string(i + Word - 1) +
                           " of " + std::to_string(bytes) + " were never written";
}

// The ranges are checked when the call is made and again when its work is done: memory may be freed between.
CUresult copy_later(Device& device, CUstream stream, unsigned char* destination, const unsigned char* source,
                    size_t bytes, const unsigned char* device_side, bool to_host = false) {
    return device.enqueue(stream,
                          {[&device, destination, source, bytes, device_side, to_host] {
                               if (!device.memory.is_device(device_side, bytes))
                                   return device.fail("a copy's device memory was freed before the copy was made");
                               if (to_host)
                                   note_unwritten(device, source, bytes);
                               std::memmove(destination, source, bytes);
                               return CUDA_SUCCESS;
                           },
                           {}});
}

CUresult copy_to_device(Device& device, CUdeviceptr destination, const void* source, size_t bytes, CUstream stream,
                        bool arrives_late = false) {
    if (!device.owns(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (bytes == 0)
        return CUDA_SUCCESS;
    const CUresult valid = check_device_range(device, destination, bytes, "copy to the device");
    if (valid != CUDA_SUCCESS)
        return valid;
    const auto* from = static_cast<const unsigned char*>(source);
    // Pageable memory is staged before the call returns; pinned memory is read when the copy's turn comes.
    if (device.memory.is_pinned(source, bytes) || (stream != nullptr && stream->capturing))
        return copy_later(device, stream, address(destination), from, bytes, address(destination));
    auto staged = std::make_shared<std::vector<unsigned char>>(from, from + bytes);
    Operation copy{[&device, destination, staged] {
                       if (!device.memory.is_device(address(destination), staged->size()))
                           return device.fail("a copy's device memory was freed before the copy was made");
                       std::memcpy(address(destination), staged->data(), staged->size());
                       return CUDA_SUCCESS;
                   },
                   {}};
    return arrives_late ? device.enqueue_staged(std::move(copy)) : device.enqueue(stream, std::move(copy));
}

CUresult copy_from_device(Device& device, void* destination, CUdeviceptr source, size_t bytes, CUstream stream) {
    if (!device.owns(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (bytes == 0)
        return CUDA_SUCCESS;
    const CUresult valid = check_device_range(device, source, bytes, "copy from the device");
    if (valid != CUDA_SUCCESS)
        return valid;
    auto* to = static_cast<unsigned char*>(destination);
    const bool captured = stream != nullptr && stream->capturing;
    if (device.memory.is_pinned(destination, bytes) && !captured)
        std::memset(destination, 0xFF, bytes); // not the result until something has waited for it
    const CUresult enqueued = copy_later(device, stream, to, address(source), bytes, address(source), true);
    if (enqueued != CUDA_SUCCESS || captured || device.memory.is_pinned(destination, bytes))
        return enqueued;
    return device.synchronize(stream); // a copy to pageable memory has been made when the call returns
}

CUresult copy_within_device(Device& device, CUdeviceptr destination, CUdeviceptr source, size_t bytes,
                            CUstream stream) {
    if (!device.owns(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (bytes == 0)
        return CUDA_SUCCESS;
    CUresult valid = check_device_range(device, destination, bytes, "copy within the device, destination");
    if (valid == CUDA_SUCCESS)
        valid = check_device_range(device, source, bytes, "copy within the device, source");
    if (valid != CUDA_SUCCESS)
        return valid;
    return copy_later(device, stream, address(destination), address(source), bytes, address(destination));
}

template <class T>
CUresult fill(Device& device, CUdeviceptr destination, T value, size_t count, CUstream stream) {
    if (!device.owns(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (count == 0)
        return CUDA_SUCCESS;
    if (destination % sizeof(T) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    const CUresult valid = check_device_range(device, destination, count * sizeof(T), "fill");
    if (valid != CUDA_SUCCESS)
        return valid;
    return device.enqueue(stream, {[&device, destination, value, count] {
                                       if (!device.memory.is_device(address(destination), count * sizeof(T)))
                                           return device.fail("a fill's device memory was freed before its turn");
                                       T* values = reinterpret_cast<T*>(address(destination));
                                       for (size_t i = 0; i < count; i++)
                                           values[i] = value;
                                       return CUDA_SUCCESS;
                                   },
                                   {}});
}

// Copies without a stream have been made when the call returns.
template <class Enqueue>
CUresult at_once(Device& device, Enqueue enqueue) {
    const CUresult enqueued = enqueue();
    return enqueued == CUDA_SUCCESS ? device.synchronize_all() : enqueued;
}

} // namespace

DDOQ_EXPORT CUresult cuMemGetInfo_v2(size_t* available, size_t* total) {
    return guarded_in_context("cuMemGetInfo_v2", [&](Device& device) {
        *total = device.memory.capacity();
        *available = device.memory.capacity() - device.memory.used();
        return CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
    return guarded_in_context("cuMemAlloc_v2", [&](Device& device) {
        if (bytes == 0)
            return CUDA_ERROR_INVALID_VALUE;
        void* memory = device.memory.allocate(MemoryKind::Device, bytes);
        *pointer = reinterpret_cast<uintptr_t>(memory);
        return memory == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    });
}

// As on a device, memory is freed once the work that may use it is done.
DDOQ_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
    return guarded_in_context("cuMemFree_v2", [&](Device& device) {
        if (pointer == 0)
            return CUDA_SUCCESS;
        const CUresult done = device.synchronize_all();
        if (done != CUDA_SUCCESS)
            return done;
        return device.memory.release(MemoryKind::Device, address(pointer)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

DDOQ_EXPORT CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
    return guarded_in_context("cuMemHostAlloc", [&](Device& device) {
        if (bytes == 0)
            return CUDA_ERROR_INVALID_VALUE;
        *pointer = device.memory.allocate(MemoryKind::Pinned, bytes);
        return *pointer == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    });
}

DDOQ_EXPORT CUresult cuMemFreeHost(void* pointer) {
    return guarded_in_context("cuMemFreeHost", [&](Device& device) {
        const CUresult done = device.synchronize_all();
        if (done != CUDA_SUCCESS)
            return done;
        return device.memory.release(MemoryKind::Pinned, pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    });
}

DDOQ_EXPORT CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned) {
    return guarded_in_context("cuMemHostRegister_v2", [&](Device& device) {
        if (pointer == nullptr || bytes == 0)
            return CUDA_ERROR_INVALID_VALUE;
        return device.memory.register_host(pointer, bytes) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    });
}

DDOQ_EXPORT CUresult cuMemHostUnregister(void* pointer) {
    return guarded_in_context("cuMemHostUnregister", [&](Device& device) {
        const CUresult done = device.synchronize_all();
        if (done != CUDA_SUCCESS)
            return done;
        return device.memory.unregister_host(pointer) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
    });
}

DDOQ_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr destination, const void* source, size_t bytes, CUstream stream) {
    return guarded_in_context("cuMemcpyHtoDAsync_v2", [&](Device& device) {
        return copy_to_device(device, destination, source, bytes, stream);
    });
}

DDOQ_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* destination, CUdeviceptr source, size_t bytes, CUstream stream) {
    return guarded_in_context("cuMemcpyDtoHAsync_v2", [&](Device& device) {
        return copy_from_device(device, destination, source, bytes, stream);
    });
}

DDOQ_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr destination, CUdeviceptr source, size_t bytes, CUstream stream) {
    return guarded_in_context("cuMemcpyDtoDAsync_v2", [&](Device& device) {
        return copy_within_device(device, destination, source, bytes, stream);
    });
}

// Up to 64 KB of pageable memory the call returns when the bytes are staged, maybe before they reach their place: a
// stream that does not wait for the default stream must not use them yet.
DDOQ_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr destination, const void* source, size_t bytes) {
    constexpr size_t StagedBytes = 64 << 10;
    return guarded_in_context("cuMemcpyHtoD_v2", [&](Device& device) {
        if (bytes <= StagedBytes && !device.memory.is_pinned(source, bytes))
            return copy_to_device(device, destination, source, bytes, nullptr, true);
        return at_once(device, [&] { return copy_to_device(device, destination, source, bytes, nullptr); });
    });
}

DDOQ_EXPORT CUresult cuMemcpyDtoH_v2(void* destination, CUdeviceptr source, size_t bytes) {
    return guarded_in_context("cuMemcpyDtoH_v2", [&](Device& device) {
        return at_once(device, [&] { return copy_from_device(device, destination, source, bytes, nullptr); });
    });
}

DDOQ_EXPORT CUresult cuMemsetD8Async(CUdeviceptr destination, unsigned char value, size_t count, CUstream stream) {
    return guarded_in_context("cuMemsetD8Async",
                              [&](Device& device) { return fill(device, destination, value, count, stream); });
}

DDOQ_EXPORT CUresult cuMemsetD32Async(CUdeviceptr destination, unsigned value, size_t count, CUstream stream) {
    return guarded_in_context("cuMemsetD32Async",
                              [&](Device& device) { return fill(device, destination, value, count, stream); });
}
