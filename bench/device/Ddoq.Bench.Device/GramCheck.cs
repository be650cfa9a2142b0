using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;
using Ddoq.Numerics;

namespace Ddoq.Bench.Device;

/// <summary>
/// ddoq_gram_* of centred rows against fp64, element by element: says how the device's tensor cores round, relative to the
/// norms of the two rows, beside a plain fp32 loop over the same values.
/// </summary>
internal static class GramCheck
{
    // Tensor cores may cut off where they add: 2^-23 of a partial sum for each of D / 16 additions is 3e-5 at D = 4096.
    private const double MostOffDiagonal = 1e-4;
    private const double MostDiagonal = 1e-5;
    private const double RowMean = 0.5;

    public static void Run(CudaDevice device, CaseResults results, bool quick)
    {
        using var arrays = new DeviceArrays(device);
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            foreach ((int rows, int dimension) in quick || device.IsEmulated ? [(40, 96)] : new[] { (277, 4096), (130, 16384), (33, 7) })
            {
                results.Run(
                    string.Create(CultureInfo.InvariantCulture, $"gram {format.Suffix} N={rows} D={dimension}, element by element"),
                    () => Check(arrays, format, rows, dimension));
                arrays.Clear();
            }
        }
    }

    private static CaseResults.Verdict Check(DeviceArrays arrays, RowFormat format, int rows, int dimension)
    {
        float[] gram = Gram(arrays, format, rows, dimension, out double[][] centred, out float[][] centredSingle);
        double[] norms = [.. centred.Select(row => Math.Sqrt(Product(row, row)))];
        var ours = new Deviations();
        var plain = new Deviations();
        double diagonal = 0;
        int stride = (rows + 3) / 4 * 4;
        for (int i = 0; i < rows; i++)
        {
            for (int j = i; j < rows; j++)
            {
                double exact = Product(centred[i], centred[j]), size = norms[i] * norms[j];
                float found = gram[(i * stride) + j];
                if (found != gram[(j * stride) + i])
                    return CaseResults.Verdict.Wrong($"elements ({i}, {j}) and ({j}, {i}) differ");
                if (i == j)
                {
                    diagonal = Math.Max(diagonal, Math.Abs(found - exact) / size);
                    continue;
                }

                ours.Add((found - exact) / size);
                plain.Add((ProductInSingle(centredSingle[i], centredSingle[j]) - exact) / size);
            }
        }

        string words = string.Create(
            CultureInfo.InvariantCulture,
            $"off the diagonal mean {ours.Mean:E1}, root mean square {ours.RootMeanSquare:E1}, most {ours.Most:E1} (plain fp32: {plain.Mean:E1}, {plain.RootMeanSquare:E1}, {plain.Most:E1}); diagonal {diagonal:E1}");
        return new CaseResults.Verdict(ours.Most <= MostOffDiagonal && diagonal <= MostDiagonal, words);
    }

    // The matrix as a fit makes it, and the rows less their mean.
    private static float[] Gram(DeviceArrays arrays, RowFormat format, int rows, int dimension, out double[][] centred, out float[][] centredSingle)
    {
        int rowStride = RowFormat.StrideOf(dimension), gramStride = (rows + 3) / 4 * 4;
        var random = new CounterRandom(31, CounterRandom.Stream((uint)rows, (uint)dimension));
        var bytes = new byte[rows * rowStride * format.Bytes];
        for (int i = 0; i < rows * rowStride; i++)
            format.Write((float)(RowMean + random.NextGaussian()), bytes.AsSpan(i * format.Bytes, format.Bytes));
        TileShape shape = format == RowFormat.F32 ? KernelShapes.GramFp32 : KernelShapes.Gram;
        ulong values = arrays.Upload<byte>(bytes).Address;
        ulong classes = arrays.Upload<ClassRange>([new ClassRange { RowCount = rows, CentroidCount = 1, GramStride = gramStride }]).Address;
        var means = arrays.Upload<float>(new float[dimension]);
        var norms = arrays.Upload<float>(new float[rows]);
        var shifts = arrays.Upload<float>(new float[rows]);
        var gram = arrays.Upload<float>(new float[rows * gramStride]);
        int centerTiles = KernelShapes.Ceiling(rows, KernelShapes.CenterRows), gramTiles = KernelShapes.GramTiles(shape, rows);
        arrays.Catalog.Get($"ddoq_class_mean_{format.Suffix}", KernelShapes.CentroidsThreads, 0).Launch(
            new ClassMeanParameters { Rows = values, Classes = classes, Means = means.Address, RowStride = rowStride, Dimension = dimension, ClassCount = 1 },
            KernelShapes.Ceiling(dimension, KernelShapes.ChunkColumns),
            arrays.Stream);
        arrays.Catalog.Get($"ddoq_center_{format.Suffix}", KernelShapes.NormsThreads, 0).Launch(
            new CenterParameters
            {
                Rows = values,
                Means = means.Address,
                Classes = classes,
                TileBegin = arrays.Upload<int>([0, centerTiles]).Address,
                Norms = norms.Address,
                Shifts = shifts.Address,
                RowStride = rowStride,
                Dimension = dimension,
                ClassCount = 1,
            },
            centerTiles,
            arrays.Stream);
        arrays.Catalog.Get(format == RowFormat.F32 ? "ddoq_gram_fma_f32" : $"ddoq_gram_tensor_{format.Suffix}", shape.Threads, shape.SharedBytes(1)).Launch(
            new GramParameters
            {
                Rows = values,
                RowNorms = norms.Address,
                RowShifts = shifts.Address,
                Classes = classes,
                TileBegin = arrays.Upload<int>([0, gramTiles]).Address,
                Gram = gram.Address,
                RowStride = rowStride,
                Dimension = dimension,
                ClassCount = 1,
            },
            gramTiles,
            arrays.Stream);
        float[] mean = arrays.Download(means, dimension);
        centred = [.. Enumerable.Range(0, rows).Select(i => Enumerable.Range(0, dimension).Select(j => format.Value(bytes, (i * rowStride) + j) - (double)mean[j]).ToArray())];
        centredSingle = [.. centred.Select(row => row.Select(value => (float)value).ToArray())];
        return arrays.Download(gram, rows * gramStride);
    }

    private static double Product(double[] a, double[] b)
    {
        double sum = 0;
        for (int j = 0; j < a.Length; j++)
            sum += a[j] * b[j];
        return sum;
    }

    private static float ProductInSingle(float[] a, float[] b)
    {
        float sum = 0;
        for (int j = 0; j < a.Length; j++)
            sum += a[j] * b[j];
        return sum;
    }

    private sealed class Deviations
    {
        private int _count;
        private double _sum;
        private double _squares;

        public double Most { get; private set; }

        public double Mean => _sum / Math.Max(1, _count);

        public double RootMeanSquare => Math.Sqrt(_squares / Math.Max(1, _count));

        public void Add(double deviation)
        {
            _count++;
            _sum += deviation;
            _squares += deviation * deviation;
            Most = double.IsNaN(deviation) ? double.NaN : Math.Max(Most, Math.Abs(deviation));
        }
    }
}
