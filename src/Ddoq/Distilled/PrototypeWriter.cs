using System.Globalization;
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
