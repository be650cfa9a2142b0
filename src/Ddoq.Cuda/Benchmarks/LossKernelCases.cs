using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>The weighted cross-entropy and the sum of losses.</summary>
internal static class LossKernelCases
{
    /// <summary>All of them.</summary>
    public static IEnumerable<KernelCase> All()
    {
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            // A warp to an image up to 2048 classes, a block above: ImageNet-1K's and ImageNet-21K's.
            yield return new($"ddoq_weighted_ce_warp_{format.Suffix}", bench => WeightedCe(bench, format, 1000, bench.Sizes.Images));
            yield return new($"ddoq_weighted_ce_block_{format.Suffix}", bench => WeightedCe(bench, format, 21841, bench.Sizes.ManyClassImages));
        }

        yield return new("ddoq_loss_sum_f32", LossSum);
    }

    private static PreparedKernel WeightedCe(BenchContext bench, RowFormat format, int classes, int images)
    {
        bool warp = classes <= KernelShapes.WeightedCeWarpClasses;
        Kernel kernel = bench.Catalog.Get(
            $"ddoq_weighted_ce_{(warp ? "warp" : "block")}_{format.Suffix}", KernelShapes.WeightedCeThreads, warp ? 0 : KernelShapes.WeightedCeSharedBytes);
        int stride = RowFormat.StrideOf(classes);
        double bytes = (3.0 * images * classes * format.Bytes) + (8.0 * images);
        return new($"B={images} C={classes}", bytes, 8.0 * images * classes, false, bench.Rotate(bytes, () =>
        {
            var p = new WeightedCeParameters
            {
                Logits = bench.Normal((long)images * stride, format),
                Targets = bench.Probabilities((long)images * stride, classes, format),
                Weights = bench.Normal(images, RowFormat.F32),
                Losses = bench.Zeros(4L * images),
                Gradients = bench.Zeros((long)images * stride * format.Bytes),
                LogitStride = stride,
                TargetStride = stride,
                GradientStride = stride,
                RowCount = images,
                ClassCount = classes,
                Temperature = 1,
                TargetTemperature = 1,
                GradientScale = 1,
            };
            return stream => kernel.Launch(p, warp ? (images + 7) / 8 : images, stream);
        }));
    }

    private static PreparedKernel LossSum(BenchContext bench)
    {
        int count = bench.Sizes.Scores;
        Kernel kernel = bench.Catalog.Get("ddoq_loss_sum_f32", KernelShapes.WeightedCeThreads, KernelShapes.WeightedCeSharedBytes);
        double bytes = 8.0 * count;
        return new($"B={count}", bytes, 3.0 * count, false, bench.Rotate(bytes, () =>
        {
            var p = new LossSumParameters { Losses = bench.Normal(count, RowFormat.F32), Weights = bench.Normal(count, RowFormat.F32), Sums = bench.Zeros(16), RowCount = count };
            return stream => kernel.Launch(p, 1, stream);
        }));
    }
}
