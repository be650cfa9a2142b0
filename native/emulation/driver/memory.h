// Emulated device and pinned host memory: guard bytes around every allocation, poison in fresh and in freed memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace ddoq::emulation {

enum class MemoryKind { Device, Pinned, Registered };

class Memory {
  public:
    ~Memory();

    void set_capacity(size_t bytes) { capacity_ = bytes; }
    size_t capacity() const { return capacity_; }
    size_t used() const { return used_; }

    // Null when the device's capacity is exceeded. Fresh memory reads as NaN patterns.
    void* allocate(MemoryKind kind, size_t bytes);

    // False when nothing of that kind begins there.
    bool release(MemoryKind kind, void* pointer);

    bool register_host(void* pointer, size_t bytes);
    bool unregister_host(void* pointer);

    // Whether [pointer, pointer + bytes) lies in one live device allocation, or in pinned host memory.
    bool is_device(const void* pointer, size_t bytes) const;
    bool is_pinned(const void* pointer, size_t bytes) const;
    bool is_freed(const void* pointer) const;

    // What was written outside of live allocations or into freed ones since the last call; empty when nothing was.
    std::string find_damage();

    size_t live(MemoryKind kind) const;
    void clear();

  private:
    struct Block {
        MemoryKind kind;
        size_t bytes;
    };
    struct Freed {
        unsigned char* pointer;
        size_t bytes;
    };

    static unsigned char* raw(unsigned char* pointer);
    static void dispose(unsigned char* pointer, size_t bytes);
    bool inside(const void* pointer, size_t bytes, bool device) const;
    void forget_oldest();

    std::map<unsigned char*, Block> blocks_;
    std::deque<Freed> freed_;
    size_t freed_bytes_ = 0;
    size_t capacity_ = size_t{4} << 30;
    size_t used_ = 0;
};

} // namespace ddoq::emulation
