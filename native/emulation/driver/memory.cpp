#include "memory.h"

#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ddoq::emulation {
namespace {

constexpr size_t Alignment = 512; // cuMemAlloc gives at least 256
constexpr size_t GuardBytes = 512;
constexpr unsigned char GuardByte = 0xA7, FreshByte = 0xFF, FreedByte = 0xDD;
constexpr size_t QuarantineBytes = size_t{4} << 20; // freed memory is watched until this much newer was freed

// Guards and freed memory are off limits for everything that AddressSanitizer instruments, kernels included.
void forbid(void* pointer, size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(pointer, bytes);
#else
    (void)pointer;
    (void)bytes;
#endif
}

void permit(void* pointer, size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(pointer, bytes);
#else
    (void)pointer;
    (void)bytes;
#endif
}

bool all_bytes_are(const unsigned char* bytes, size_t count, unsigned char value) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

} // namespace

Memory::~Memory() {
    clear();
}

unsigned char* Memory::raw(unsigned char* pointer) {
    return pointer - GuardBytes;
}

void Memory::dispose(unsigned char* pointer, size_t bytes) {
    permit(raw(pointer), bytes + 2 * GuardBytes);
    std::free(raw(pointer));
}

void* Memory::allocate(MemoryKind kind, size_t bytes) {
    if (kind == MemoryKind::Device && (bytes > capacity_ || used_ > capacity_ - bytes))
        return nullptr;
    void* memory = nullptr;
    if (posix_memalign(&memory, Alignment, bytes + 2 * GuardBytes) != 0)
        return nullptr;
    unsigned char* pointer = static_cast<unsigned char*>(memory) + GuardBytes;
    std::memset(memory, GuardByte, GuardBytes);
    std::memset(pointer, FreshByte, bytes);
    std::memset(pointer + bytes, GuardByte, GuardBytes);
    forbid(raw(pointer), GuardBytes);
    forbid(pointer + bytes, GuardBytes);
    blocks_[pointer] = {kind, bytes};
    if (kind == MemoryKind::Device)
        used_ += bytes;
    return pointer;
}

bool Memory::release(MemoryKind kind, void* pointer) {
    const auto found = blocks_.find(static_cast<unsigned char*>(pointer));
    if (found == blocks_.end() || found->second.kind != kind)
        return false;
    const size_t bytes = found->second.bytes;
    if (kind == MemoryKind::Device)
        used_ -= bytes;
    blocks_.erase(found);
    std::memset(pointer, FreedByte, bytes);
    forbid(pointer, bytes);
    freed_.push_back({static_cast<unsigned char*>(pointer), bytes});
    freed_bytes_ += bytes;
    while (freed_bytes_ > QuarantineBytes)
        forget_oldest();
    return true;
}

void Memory::forget_oldest() {
    const Freed oldest = freed_.front();
    freed_.pop_front();
    freed_bytes_ -= oldest.bytes;
    dispose(oldest.pointer, oldest.bytes);
}

bool Memory::register_host(void* pointer, size_t bytes) {
    return blocks_.emplace(static_cast<unsigned char*>(pointer), Block{MemoryKind::Registered, bytes}).second;
}

bool Memory::unregister_host(void* pointer) {
    const auto found = blocks_.find(static_cast<unsigned char*>(pointer));
    if (found == blocks_.end() || found->second.kind != MemoryKind::Registered)
        return false;
    blocks_.erase(found);
    return true;
}

bool Memory::inside(const void* pointer, size_t bytes, bool device) const {
    auto* address = static_cast<unsigned char*>(const_cast<void*>(pointer));
    auto next = blocks_.upper_bound(address);
    if (next == blocks_.begin())
        return false;
    const auto& [first, block] = *--next;
    return (block.kind == MemoryKind::Device) == device && address + bytes <= first + block.bytes;
}

bool Memory::is_device(const void* pointer, size_t bytes) const {
    return inside(pointer, bytes, true);
}

bool Memory::is_pinned(const void* pointer, size_t bytes) const {
    return inside(pointer, bytes, false);
}

bool Memory::is_freed(const void* pointer) const {
    for (const Freed& freed : freed_)
        if (pointer >= freed.pointer && pointer < freed.pointer + freed.bytes)
            return true;
    return false;
}

std::string Memory::find_damage() {
    std::string damage;
    const auto note = [&](const char* what, size_t bytes) {
        if (damage.empty())
            damage = std::string(what) + " an allocation of " + std::to_string(bytes) + " bytes";
    };
    for (const auto& [pointer, block] : blocks_) {
        if (block.kind == MemoryKind::Registered)
            continue;
        permit(raw(pointer), GuardBytes);
        permit(pointer + block.bytes, GuardBytes);
        if (!all_bytes_are(raw(pointer), GuardBytes, GuardByte))
            note("memory was written before", block.bytes);
        if (!all_bytes_are(pointer + block.bytes, GuardBytes, GuardByte))
            note("memory was written past the end of", block.bytes);
        std::memset(raw(pointer), GuardByte, GuardBytes);
        std::memset(pointer + block.bytes, GuardByte, GuardBytes);
        forbid(raw(pointer), GuardBytes);
        forbid(pointer + block.bytes, GuardBytes);
    }
    for (const Freed& freed : freed_) {
        permit(freed.pointer, freed.bytes);
        if (!all_bytes_are(freed.pointer, freed.bytes, FreedByte))
            note("memory was written after it was freed, in", freed.bytes);
        std::memset(freed.pointer, FreedByte, freed.bytes);
        forbid(freed.pointer, freed.bytes);
    }
    return damage;
}

size_t Memory::live(MemoryKind kind) const {
    size_t count = 0;
    for (const auto& [pointer, block] : blocks_)
        count += block.kind == kind;
    return count;
}

void Memory::clear() {
    for (const auto& [pointer, block] : blocks_)
        if (block.kind != MemoryKind::Registered)
            dispose(pointer, block.bytes);
    blocks_.clear();
    while (!freed_.empty())
        forget_oldest();
    used_ = 0;
}

} // namespace ddoq::emulation
