using System.Globalization;
using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>Writes <c>prototypes.safetensors</c> class by class, so memory is bounded by one class.</summary>
/// <remarks>
/// Tensors: <c>distortion</c> F64 [C], <c>counts</c> I64 [C, K], <c>centroids</c> F32 [C, K, c, h, w], <c>weights</c> F32
/// [C, K] (direct, v / sum v): in this order, so that each is aligned. Where rows have weights, <c>masses</c> F64 [C, K]
/// follow the distortion, and the weights are their shares. A class with fewer centres has zeros behind them.
/// The file appears, atomically, on <see cref="Complete"/>. Not safe for concurrent use.
/// </remarks>
public sealed class PrototypeWriter : IDisposable
{
    private readonly PrototypeInfo _info;
    private readonly SafetensorsWriter _writer;
    private readonly float[] _noCentroid;
    private int _classes;

    private PrototypeWriter(PrototypeInfo info, SafetensorsWriter writer)
    {
        _info = info;
        _writer = writer;
        _noCentroid = new float[info.Latents.Shape.Length];
    }

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="info">What made the prototypes.</param>
    /// <exception cref="DdoqException">The info is not usable or the file cannot be created.</exception>
    public static PrototypeWriter Create(string path, PrototypeInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        LatentMetadata.Check(info.Latents);
        if (info.CentersPerClass < 1)
            throw new DdoqException($"{info.CentersPerClass} centres per class, allowed are 1 and above", "Give --ipc 1 or more.");
        LatentShape shape = info.Latents.Shape;
        long c = info.Latents.ClassNames.Count, k = info.CentersPerClass;
        (string, SafetensorsType, IReadOnlyList<long>)[] masses = info.HasMasses ? [("masses", SafetensorsType.F64, [c, k])] : [];
        return new PrototypeWriter(info, SafetensorsWriter.Create(
            path,
            [
                ("distortion", SafetensorsType.F64, [c]),
                .. masses,
                ("counts", SafetensorsType.I64, [c, k]),
                ("centroids", SafetensorsType.F32, [c, k, shape.Channels, shape.Height, shape.Width]),
                ("weights", SafetensorsType.F32, [c, k]),
            ],
            info.Format()));
    }

    /// <summary>Appends the next class, in label order.</summary>
    /// <exception cref="ArgumentException">All classes are written, or this one does not fit K or D.</exception>
    /// <exception cref="DdoqException">The disk is full.</exception>
    public void Append(ClassPrototypes prototypes)
    {
        ArgumentNullException.ThrowIfNull(prototypes);
        Append(prototypes.Centroids.Span, prototypes.Counts.Span, prototypes.Masses.Span, prototypes.Distortion);
    }

    /// <summary>Checks that all classes are there and gives the file its name.</summary>
    /// <exception cref="InvalidOperationException">Classes are missing.</exception>
    /// <exception cref="DdoqException">The disk is full.</exception>
    public void Complete() => _writer.Complete();

    /// <summary>Removes the file unless <see cref="Complete"/> was called.</summary>
    public void Dispose() => _writer.Dispose();

    internal void Append(ReadOnlySpan<float> centroids, ReadOnlySpan<long> counts, ReadOnlySpan<double> masses, double distortion)
    {
        int k = _info.CentersPerClass, classCount = _info.Latents.ClassNames.Count;
        if (_classes == classCount)
            throw new ArgumentException($"all {classCount} classes are written");
        if (counts.Length > k || centroids.Length != (long)counts.Length * _noCentroid.Length)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"class {_classes}: {counts.Length} centres and {centroids.Length} values, allowed are {k} centres of {_noCentroid.Length}"));
        }

        if (masses.Length != (_info.HasMasses ? counts.Length : 0))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"class {_classes}: {masses.Length} masses for {counts.Length} centres, in a file {(_info.HasMasses ? "with" : "without")} masses"));
        long[] paddedCounts = new long[k];
        float[] weights = new float[k];
        counts.CopyTo(paddedCounts);
        if (_info.HasMasses)
            PrototypeWeights.Compute(WeightRule.Direct, masses, weights.AsSpan(0, counts.Length));
        else
            PrototypeWeights.Compute(WeightRule.Direct, counts, weights.AsSpan(0, counts.Length));
        _writer.Append<double>("distortion", [distortion]);
        if (_info.HasMasses)
        {
            double[] paddedMasses = new double[k];
            masses.CopyTo(paddedMasses);
            _writer.Append<double>("masses", paddedMasses);
        }

        _writer.Append<long>("counts", paddedCounts);
        _writer.Append<float>("weights", weights);
        _writer.Append("centroids", centroids);
        for (int i = counts.Length; i < k; i++)
            _writer.Append<float>("centroids", _noCentroid);
        _classes++;
    }
}

/// <summary>The quantiser's result for one class: centres, how many rows each stands for, and the distortion.</summary>
public sealed class ClassPrototypes
{
    private ClassPrototypes(float[] centroids, long[] counts, double[] masses, double distortion)
    {
        Centroids = centroids;
        Counts = counts;
        Masses = masses;
        Distortion = distortion;
    }

    /// <summary>No centres: the result for a class without rows.</summary>
    public static ClassPrototypes Empty { get; } = new([], [], [], 0);

    /// <summary>Centres, K_c x D values, row-major.</summary>
    public ReadOnlyMemory<float> Centroids { get; }

    /// <summary>Rows of each centre's Voronoi cell (v), K_c values above 0.</summary>
    public ReadOnlyMemory<long> Counts { get; }

    /// <summary>Sum of the sample weights in each centre's cell, K_c values above 0; empty when the rows have no weights.</summary>
    public ReadOnlyMemory<double> Masses { get; }

    /// <summary>Mean squared distance of the class's rows to their centre, G = W2^2 (equation 16).</summary>
    public double Distortion { get; }

    /// <summary>Number of centres (K_c).</summary>
    public int Count => Counts.Length;

    /// <summary>Takes a result, copying it. Centres of empty cells stand for nothing and are left out.</summary>
    /// <param name="length">Values per centre (D).</param>
    /// <param name="centroids">K x D values, row-major.</param>
    /// <param name="counts">K values, 0 or more.</param>
    /// <param name="distortion">Mean squared distance, 0 or more.</param>
    /// <param name="masses">K sums of sample weights, finite, 0 or more; empty without weights. A cell without mass is empty.</param>
    /// <exception cref="ArgumentException">The lengths disagree.</exception>
    /// <exception cref="DdoqException">A count or mass is negative, or a mass, a centre or the distortion is not finite.</exception>
    public static ClassPrototypes Create(int length, ReadOnlySpan<float> centroids, ReadOnlySpan<long> counts, double distortion, ReadOnlySpan<double> masses = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if (centroids.Length != (long)counts.Length * length)
            throw new ArgumentException($"{centroids.Length} values for {counts.Length} centres of {length}", nameof(centroids));
        if (!masses.IsEmpty && masses.Length != counts.Length)
            throw new ArgumentException($"{masses.Length} masses for {counts.Length} centres", nameof(masses));
        if (!double.IsFinite(distortion) || distortion < 0)
            throw Bad($"the distortion is {distortion.ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
        int used = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] < 0)
                throw Bad($"centre {k} has count {counts[k]}, allowed are 0 and above");
            if (!masses.IsEmpty && !(masses[k] >= 0 && masses[k] <= double.MaxValue))
                throw Bad($"centre {k} has mass {masses[k].ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
            int bad = IndexOfNonFinite(centroids.Slice(k * length, length));
            if (bad >= 0)
                throw Bad($"centre {k} holds {centroids[(k * length) + bad].ToString(CultureInfo.InvariantCulture)} at value {bad}, allowed are finite numbers");
            if (IsUsed(k, counts, masses))
                used++;
        }

        float[] keptCentroids = new float[used * length];
        long[] keptCounts = new long[used];
        double[] keptMasses = new double[masses.IsEmpty ? 0 : used];
        int next = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (!IsUsed(k, counts, masses))
                continue;
            centroids.Slice(k * length, length).CopyTo(keptCentroids.AsSpan(next * length));
            if (!masses.IsEmpty)
                keptMasses[next] = masses[k];
            keptCounts[next++] = counts[k];
        }

        return new ClassPrototypes(keptCentroids, keptCounts, keptMasses, distortion);
    }

    /// <summary>Takes the quantiser's result of one class.</summary>
    /// <exception cref="DdoqException">A centre or the distortion is not finite.</exception>
    public static ClassPrototypes From(ClassQuantization result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.CentroidCount == 0 ? Empty : Create(result.Dimension, result.Centroids, result.Counts, result.Distortion, result.Masses);
    }

    private static bool IsUsed(int centre, ReadOnlySpan<long> counts, ReadOnlySpan<double> masses) =>
        counts[centre] > 0 && (masses.IsEmpty || masses[centre] > 0);

    internal static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll(values))
            return -1;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }

    private static DdoqException Bad(string what) => new($"the quantiser's result is not usable: {what}", "Check the latents' scale; this is a defect if they are ordinary.");
}
