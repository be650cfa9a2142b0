#include "fiber.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace ddoq::emulation {
namespace {

// Frames of unrolled kernels are large under AddressSanitizer, which pads every local array.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t StackBytes = 512 * 1024;
#else
constexpr size_t StackBytes = 128 * 1024;
#endif
constexpr size_t GuardBytes = 256;
constexpr unsigned char GuardByte = 0xC5;

#if DDOQ_UCONTEXT_FIBERS
void swap(Context& from, Context& to) {
    swapcontext(&from.machine, &to.machine);
}
#else
extern "C" void ddoq_switch_stack(void** save, void* resume);
asm(R"(
.text
.globl ddoq_switch_stack
.hidden ddoq_switch_stack
.type ddoq_switch_stack,@function
ddoq_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size ddoq_switch_stack,.-ddoq_switch_stack
)");

void swap(Context& from, Context& to) {
    ddoq_switch_stack(&from.stack_pointer, to.stack_pointer);
}
#endif

} // namespace

void switch_context(Context& from, Context& to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_size);
    swap(from, to);
    // Fibers only ever switch to the scheduler and back, so the stack left last is always `to`'s.
    __sanitizer_finish_switch_fiber(from.fake_stack, &to.stack_bottom, &to.stack_size);
#else
    swap(from, to);
#endif
}

void FiberStack::entered(Context& self, Context& scheduler) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(self.fake_stack, &scheduler.stack_bottom, &scheduler.stack_size);
#else
    (void)self;
    (void)scheduler;
#endif
}

FiberStack::FiberStack(void (*entry)()) : size_(StackBytes) {
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        throw std::bad_alloc();
    memory_ = static_cast<unsigned char*>(memory);
    std::memset(memory_, GuardByte, GuardBytes);
    context.stack_bottom = memory_;
    context.stack_size = size_;
#if DDOQ_UCONTEXT_FIBERS
    getcontext(&context.machine);
    context.machine.uc_stack.ss_sp = memory_;
    context.machine.uc_stack.ss_size = size_;
    context.machine.uc_link = nullptr;
    makecontext(&context.machine, entry, 0);
#else
    // The frame that the first switch pops: six callee-saved registers, then `entry` as the return address. The zero
    // above it ends stack traces, and keeps the 16-byte alignment that a called function expects.
    void** top = reinterpret_cast<void**>(memory_ + size_ - 64);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    context.stack_pointer = top;
#endif
}

FiberStack::~FiberStack() {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(memory_, size_);
#endif
    munmap(memory_, size_);
}

bool FiberStack::intact() const {
    for (size_t i = 0; i < GuardBytes; i++)
        if (memory_[i] != GuardByte)
            return false;
    return true;
}

} // namespace ddoq::emulation
