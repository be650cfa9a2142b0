// Cooperative fibers: one per CUDA thread of the block that runs.
//
// x86-64 switches stacks with eight instructions; every other processor (or -DDDOQ_PORTABLE_FIBERS) uses ucontext,
// which is slower but the same in behaviour. Under AddressSanitizer each switch is announced, so that stack checks
// stay exact inside fibers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#if !defined(__x86_64__) || defined(DDOQ_PORTABLE_FIBERS)
#define DDOQ_UCONTEXT_FIBERS 1
#include <ucontext.h>
#else
#define DDOQ_UCONTEXT_FIBERS 0
#endif

namespace ddoq::emulation {

// A place where execution can be resumed: a fiber's, or the scheduler's own stack.
struct Context {
#if DDOQ_UCONTEXT_FIBERS
    ucontext_t machine{};
#else
    void* stack_pointer = nullptr;
#endif
    const void* stack_bottom = nullptr;
    size_t stack_size = 0;
    void* fake_stack = nullptr; // AddressSanitizer's record of this context
};

// Saves the running context in `from` and resumes `to`.
void switch_context(Context& from, Context& to);

// A stack with a low guard pattern, and the context that starts `entry` on it. `entry` never returns.
class FiberStack {
  public:
    explicit FiberStack(void (*entry)());
    ~FiberStack();
    FiberStack(const FiberStack&) = delete;
    FiberStack& operator=(const FiberStack&) = delete;

    Context context;

    // False when the fiber wrote past the end of its stack.
    bool intact() const;

    // Called first thing on a fiber's own stack.
    static void entered(Context& self, Context& scheduler);

  private:
    unsigned char* memory_;
    size_t size_;
};

} // namespace ddoq::emulation
