// Quantises a latent store into prototypes.safetensors with libddoq, from C++: owned handles, exceptions, progress.
//
//   quantize_store LATENTS PROTOTYPES CENTRES
#include <ddoq.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

void check(ddoq_status status) {
    if (status != DDOQ_SUCCESS)
        throw std::runtime_error(std::string(ddoq_last_error()) + "\nhint: " + ddoq_last_hint());
}

template <auto Destroy>
struct Deleter {
    template <class T>
    void operator()(T* handle) const {
        Destroy(handle);
    }
};
using Quantizer = std::unique_ptr<ddoq_quantizer, Deleter<ddoq_quantizer_destroy>>;
using Store = std::unique_ptr<ddoq_store, Deleter<ddoq_store_close>>;
using Prototypes = std::unique_ptr<ddoq_prototypes, Deleter<ddoq_prototypes_close>>;

// A C function: nothing may be thrown through the library.
int32_t report(void* user_data, const ddoq_progress* progress) noexcept {
    auto* store = static_cast<ddoq_store*>(user_data);
    if (progress->message != nullptr)
        std::printf("%s\n", progress->message);
    else
        std::printf("%lld of %lld: %s, distortion %.4f\n", static_cast<long long>(progress->classes_done),
                    static_cast<long long>(progress->classes), ddoq_store_class_name(store, progress->class_index),
                    progress->distortion);
    return 0;
}

void run(const char* latents, const char* output, int centroids) {
    ddoq_store* opened = nullptr;
    check(ddoq_store_open(latents, &opened));
    const Store store(opened);

    ddoq_quantizer_options options;
    check(ddoq_quantizer_options_init(&options, sizeof options));
    options.centroid_count = centroids;
    options.restarts = 4;
    options.device = DDOQ_DEVICE_AUTO;
    ddoq_quantizer* created = nullptr;
    check(ddoq_quantizer_create(&options, &created));
    const Quantizer quantizer(created);
    check(ddoq_quantizer_fit_store(quantizer.get(), store.get(), output, report, store.get()));

    ddoq_prototypes* written = nullptr;
    check(ddoq_prototypes_open(output, &written));
    const Prototypes prototypes(written);
    ddoq_prototypes_info info{};
    info.size = sizeof info;
    check(ddoq_prototypes_get_info(prototypes.get(), &info));
    std::printf("%s: %d classes, %d centres each, %s\n", output, info.class_count, info.centroid_count,
                ddoq_quantizer_description(quantizer.get()));
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: quantize_store LATENTS PROTOTYPES CENTRES\n");
        return 2;
    }
    try {
        run(argv[1], argv[2], std::atoi(argv[3]));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
