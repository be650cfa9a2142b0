using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;
using Ddoq.Numerics;

namespace Ddoq.Bench.Device;

/// <summary>ddoq_weighted_ce_* and ddoq_loss_sum_f32 against fp64.</summary>
internal static class LossCheck
{
    private const int Images = 5;
    private const float Temperature = 1.5f;
    private const float TeacherTemperature = 2;
    private const float GradientScale = 0.25f;
    private static readonly string[] s_kinds = ["probabilities", "teacher logits", "labels"]; // TargetKind of weighted_ce.cuh

    public static void Run(CudaDevice device, CaseResults results, bool quick)
    {
        using var arrays = new DeviceArrays(device);
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            foreach (int classes in quick ? [7, 2049] : new[] { 1, 2, 7, 8, 33, 257, 1000, 2048, 2049, 21841 })
            {
                for (int kind = 0; kind < s_kinds.Length; kind++)
                {
                    int chosen = kind;
                    results.Run(
                        string.Create(CultureInfo.InvariantCulture, $"weighted_ce {format.Suffix} {s_kinds[kind]} B={Images} C={classes}"),
                        () => CaseResults.Verdict.Of(Check(arrays, format, classes, chosen)));
                    arrays.Clear();
                }
            }
        }

        foreach (int count in quick ? [1, 300] : new[] { 1, 31, 255, 257, 100_003 })
        {
            results.Run(string.Create(CultureInfo.InvariantCulture, $"loss_sum f32 B={count}"), () => CaseResults.Verdict.Of(Sum(arrays, count)));
            arrays.Clear();
        }
    }

    private static string? Check(DeviceArrays arrays, RowFormat format, int classes, int kind)
    {
        var random = new CounterRandom(11, CounterRandom.Stream((uint)classes, (uint)kind));
        int stride = classes % 2 == 0 ? RowFormat.StrideOf(classes) : classes; // whole vectors, and rows that are not aligned
        byte[] logits = Draw(format, stride, ref random, false, classes), targets = Draw(format, stride, ref random, kind == 0, classes);
        var labels = new int[Images];
        var weights = new float[Images];
        for (int b = 0; b < Images; b++)
        {
            labels[b] = b == 1 ? -1 : random.NextInt32(classes);
            weights[b] = (float)(0.5 + random.NextDouble());
        }

        var losses = arrays.Upload<float>(new float[Images]);
        var gradients = arrays.Upload<byte>(new byte[logits.Length]);
        bool warp = classes <= KernelShapes.WeightedCeWarpClasses;
        Kernel kernel = arrays.Catalog.Get(
            $"ddoq_weighted_ce_{(warp ? "warp" : "block")}_{format.Suffix}", KernelShapes.WeightedCeThreads, warp ? 0 : KernelShapes.WeightedCeSharedBytes);
        var p = new WeightedCeParameters
        {
            Logits = arrays.Upload<byte>(logits).Address,
            Targets = kind == 2 ? 0 : arrays.Upload<byte>(targets).Address,
            Labels = kind == 2 ? arrays.Upload<int>(labels).Address : 0,
            Weights = arrays.Upload<float>(weights).Address,
            Losses = losses.Address,
            Gradients = gradients.Address,
            LogitStride = stride,
            TargetStride = stride,
            GradientStride = stride,
            RowCount = Images,
            ClassCount = classes,
            TargetKind = kind,
            SubtractEntropy = kind == 1 ? 1 : 0,
            Temperature = Temperature,
            TargetTemperature = TeacherTemperature,
            GradientScale = GradientScale,
        };
        kernel.Launch(p, warp ? (Images + 7) / 8 : Images, arrays.Stream);
        float[] ours = arrays.Download(losses, Images);
        byte[] slopes = arrays.Download(gradients, logits.Length);
        double rounding = format == RowFormat.F16 ? 1.0 / 1024 : format == RowFormat.BF16 ? 1.0 / 128 : 1e-5;
        for (int b = 0; b < Images; b++)
        {
            double[] x = Row(format, logits, b * stride, classes, Temperature), softmax = Softmax(x, out double logSum);
            double[] target = kind switch
            {
                0 => Row(format, targets, b * stride, classes, 1),
                1 => Softmax(Row(format, targets, b * stride, classes, TeacherTemperature), out _),
                _ => [.. Enumerable.Range(0, classes).Select(j => j == labels[b] ? 1.0 : 0)],
            };
            double sum = target.Sum();
            double loss = sum * logSum, scale = Math.Abs(loss);
            for (int j = 0; j < classes; j++)
            {
                loss -= target[j] * x[j];
                scale += Math.Abs(target[j] * x[j]);
                if (kind == 1)
                    loss += target[j] * Math.Log(target[j]);
                double slope = weights[b] * GradientScale / Temperature * ((sum * softmax[j]) - target[j]);
                double found = format.Value(slopes, (b * stride) + j);
                double noise = 1e-5 * weights[b] * ((sum * softmax[j]) + target[j]);
                if (!(Math.Abs(found - slope) <= (rounding * Math.Abs(slope)) + noise + 1e-7))
                    return string.Create(CultureInfo.InvariantCulture, $"gradient of image {b}, class {j} is {found:R}, exact {slope:R}");
            }

            if (!(Math.Abs(ours[b] - (weights[b] * loss)) <= (1e-5 * (1 + scale)) + 1e-6))
                return string.Create(CultureInfo.InvariantCulture, $"loss of image {b} is {ours[b]:R}, exact {weights[b] * loss:R}");
        }

        return null;
    }

    private static string? Sum(DeviceArrays arrays, int count)
    {
        var random = new CounterRandom(12, (ulong)count);
        float[] losses = new float[count], weights = new float[count];
        random.FillGaussian(losses);
        random.FillGaussian(weights);
        var sums = arrays.Upload<double>(new double[2]);
        Kernel kernel = arrays.Catalog.Get("ddoq_loss_sum_f32", KernelShapes.WeightedCeThreads, KernelShapes.WeightedCeSharedBytes);
        kernel.Launch(
            new LossSumParameters { Losses = arrays.Upload<float>(losses).Address, Weights = arrays.Upload<float>(weights).Address, Sums = sums.Address, RowCount = count },
            1,
            arrays.Stream);
        double[] found = arrays.Download(sums, 2);
        double[] exact = [losses.Sum(one => (double)one), weights.Sum(one => (double)one)];
        return Math.Abs(found[0] - exact[0]) <= 1e-8 && Math.Abs(found[1] - exact[1]) <= 1e-8
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"sums {found[0]:R} and {found[1]:R}, exact {exact[0]:R} and {exact[1]:R}");
    }

    private static byte[] Draw(RowFormat format, int stride, ref CounterRandom random, bool probabilities, int classes)
    {
        var bytes = new byte[Images * stride * format.Bytes];
        for (int i = 0; i < Images * stride; i++)
            format.Write((float)(probabilities ? 2 * random.NextDouble() / classes : 3 * random.NextGaussian()), bytes.AsSpan(i * format.Bytes, format.Bytes));
        return bytes;
    }

    private static double[] Row(RowFormat format, byte[] values, int first, int count, double divisor) =>
        [.. Enumerable.Range(first, count).Select(i => format.Value(values, i) / divisor)];

    private static double[] Softmax(double[] x, out double logSum)
    {
        double most = x.Max();
        double total = most + Math.Log(x.Sum(value => Math.Exp(value - most)));
        logSum = total;
        return [.. x.Select(value => Math.Exp(value - total))];
    }
}
