using CommunityToolkit.HighPerformance;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>The prototypes of all classes: centres, counts, direct weights and distortion, read class by class.</summary>
/// <remarks>
/// Either held in memory (<see cref="Create"/>) or mapped from <c>prototypes.safetensors</c> (<see cref="Load"/>), which
/// bounds memory whatever C x K x D is. Spans are valid until the set is disposed. Safe for concurrent readers.
/// </remarks>
public sealed class PrototypeSet : IDisposable
{
    /// <summary>The usual name of the file.</summary>
    public const string FileName = "prototypes.safetensors";

    private const string FormatHint = "Expected are centroids F32 [C, K, c, h, w], counts I64 [C, K], weights F32 [C, K] and distortion F64 [C]; quantize again.";
    private readonly ClassPrototypes[]? _classes;
    private readonly float[][]? _weights;
    private readonly SafetensorsFile? _file;
    private readonly int[] _centerCounts;

    private PrototypeSet(PrototypeInfo info, ClassPrototypes[] classes)
    {
        Info = info;
        _classes = classes;
        _centerCounts = [.. classes.Select(c => c.Count)];
        _weights = new float[classes.Length][];
        for (int c = 0; c < classes.Length; c++)
        {
            _weights[c] = new float[classes[c].Count];
            if (info.HasMasses)
                PrototypeWeights.Compute(WeightRule.Direct, classes[c].Masses.Span, _weights[c]);
            else
                PrototypeWeights.Compute(WeightRule.Direct, classes[c].Counts.Span, _weights[c]);
        }
    }

    private PrototypeSet(SafetensorsFile file)
    {
        _file = file;
        IReadOnlyList<long> extents = Tensor("centroids", SafetensorsType.F32, 5).Shape;
        LatentShape shape = LatentMetadata.CheckShape($"'{file.Path}': tensor centroids", extents[2], extents[3], extents[4]);
        if (extents[0] is < 1 or > int.MaxValue || extents[1] is < 1 or > int.MaxValue)
            throw new DdoqException($"'{file.Path}': {extents[0]} classes of {extents[1]} centres, allowed are 1 to {int.MaxValue} of each", FormatHint);
        int classes = (int)extents[0], k = (int)extents[1];
        foreach ((string name, SafetensorsType type, long[] expected) in ((string, SafetensorsType, long[])[])
            [("counts", SafetensorsType.I64, [classes, k]), ("weights", SafetensorsType.F32, [classes, k]), ("distortion", SafetensorsType.F64, [classes])])
        {
            SafetensorsTensor tensor = Tensor(name, type, expected.Length);
            if (!tensor.Shape.SequenceEqual(expected))
                throw new DdoqException($"'{file.Path}': tensor {name} is {tensor}, centroids ask for {SafetensorsTensor.ShapeText(expected)}", FormatHint);
        }

        Info = PrototypeInfo.Parse(file, shape, classes, k);
        if (HasMasses && !Tensor("masses", SafetensorsType.F64, 2).Shape.SequenceEqual([classes, k]))
            throw new DdoqException($"'{file.Path}': tensor masses is {file.GetTensor("masses")}, centroids ask for {SafetensorsTensor.ShapeText([classes, k])}", FormatHint);
        _centerCounts = new int[classes];
        for (int c = 0; c < classes; c++)
            _centerCounts[c] = CheckClass(c, k);
    }

    /// <summary>What made the prototypes.</summary>
    public PrototypeInfo Info { get; }

    /// <summary>Shape of one centre; D values.</summary>
    public LatentShape Shape => Info.Latents.Shape;

    /// <summary>Class names in label order; the count is C.</summary>
    public IReadOnlyList<string> ClassNames => Info.Latents.ClassNames;

    /// <summary>Centres asked for per class (K); a class may have fewer.</summary>
    public int CentersPerClass => Info.CentersPerClass;

    /// <summary>Whether the rows had weights: cells then have masses beside their counts.</summary>
    public bool HasMasses => Info.HasMasses;

    /// <summary>Centres of all classes: the number of images to synthesise.</summary>
    public long TotalCenters => _centerCounts.Sum(n => (long)n);

    /// <summary>Holds results in memory.</summary>
    /// <param name="info">What made them.</param>
    /// <param name="classes">One result per class, in label order.</param>
    /// <exception cref="ArgumentException">There is not one result per class, or one does not fit K or D.</exception>
    public static PrototypeSet Create(PrototypeInfo info, IReadOnlyList<ClassPrototypes> classes)
    {
        ArgumentNullException.ThrowIfNull(info);
        ArgumentNullException.ThrowIfNull(classes);
        LatentMetadata.Check(info.Latents);
        if (classes.Count != info.Latents.ClassNames.Count)
            throw new ArgumentException($"{info.Latents.ClassNames.Count} classes but {classes.Count} results", nameof(classes));
        for (int c = 0; c < classes.Count; c++)
        {
            if (classes[c].Count > info.CentersPerClass || classes[c].Centroids.Length != (long)classes[c].Count * info.Latents.Shape.Length)
                throw new ArgumentException($"class {c}: {classes[c].Count} centres and {classes[c].Centroids.Length} values, allowed are {info.CentersPerClass} centres of {info.Latents.Shape.Length}", nameof(classes));
            if (classes[c].Masses.Length != (info.HasMasses ? classes[c].Count : 0))
                throw new ArgumentException($"class {c}: {classes[c].Masses.Length} masses for {classes[c].Count} centres", nameof(classes));
        }

        return new PrototypeSet(info, [.. classes]);
    }

    /// <summary>Maps a file and checks it.</summary>
    /// <exception cref="DdoqException">
    /// A tensor is missing or of another form, a value is not finite, counts or masses and weights disagree, or unused slots lie
    /// between used ones; the message names file, tensor and class.
    /// </exception>
    public static PrototypeSet Load(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            return new PrototypeSet(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes the file, atomically.</summary>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public void Save(string path)
    {
        using PrototypeWriter writer = PrototypeWriter.Create(path, Info);
        for (int c = 0; c < ClassNames.Count; c++)
            writer.Append(Centroids(c), Counts(c), Masses(c), Distortion(c));
        writer.Complete();
    }

    /// <summary>Centres of one class (K_c): fewer than K when the class has fewer rows.</summary>
    public int CenterCount(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, _centerCounts.Length);
        return _centerCounts[classIndex];
    }

    /// <summary>The centres of one class as a matrix [K_c, D], in place.</summary>
    /// <inheritdoc cref="Centroids" path="/exception"/>
    public ReadOnlySpan2D<float> CentroidRows(int classIndex) => Centroids(classIndex).AsSpan2D(CenterCount(classIndex), Shape.Length);

    /// <summary>The centres of one class, K_c x D values, row-major.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    /// <exception cref="DdoqException">K_c x D is more than one span holds: use <see cref="Centroid"/>.</exception>
    public ReadOnlySpan<float> Centroids(int classIndex)
    {
        long length = (long)CenterCount(classIndex) * Shape.Length;
        if (_classes is not null)
            return _classes[classIndex].Centroids.Span;
        if (length > int.MaxValue)
            throw new DdoqException($"class {classIndex} has {length} centre values, one span holds at most {int.MaxValue}", "Read the centres one by one.");
        return _file!.GetSpan<float>("centroids", (long)classIndex * CentersPerClass * Shape.Length, (int)length);
    }

    /// <summary>One centre, D values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class or the centre does not exist.</exception>
    public ReadOnlySpan<float> Centroid(int classIndex, int center)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)center, (uint)CenterCount(classIndex), nameof(center));
        int d = Shape.Length;
        return _classes is not null
            ? _classes[classIndex].Centroids.Span.Slice(center * d, d)
            : _file!.GetSpan<float>("centroids", (((long)classIndex * CentersPerClass) + center) * d, d);
    }

    /// <summary>Rows of each centre's cell (v), K_c values above 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public ReadOnlySpan<long> Counts(int classIndex)
    {
        int count = CenterCount(classIndex);
        return _classes is not null ? _classes[classIndex].Counts.Span : _file!.GetSpan<long>("counts", (long)classIndex * CentersPerClass, count);
    }

    /// <summary>Sum of the sample weights in each centre's cell, K_c values above 0; empty when the rows had no weights.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public ReadOnlySpan<double> Masses(int classIndex)
    {
        int count = CenterCount(classIndex);
        return _classes is not null ? _classes[classIndex].Masses.Span
            : HasMasses ? _file!.GetSpan<double>("masses", (long)classIndex * CentersPerClass, count)
            : default;
    }

    /// <summary>The weights of a class under a rule, from the masses of its cells, or their counts without sample weights.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="weights">Receives K_c weights.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public void ComputeWeights(int classIndex, WeightRule rule, Span<float> weights)
    {
        if (HasMasses)
            PrototypeWeights.Compute(rule, Masses(classIndex), weights);
        else
            PrototypeWeights.Compute(rule, Counts(classIndex), weights);
    }

    /// <summary>The direct weights w_k = v_k / sum v (Algorithm 1), v the masses where rows had weights; K_c values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public ReadOnlySpan<float> Weights(int classIndex)
    {
        int count = CenterCount(classIndex);
        return _weights is not null ? _weights[classIndex] : _file!.GetSpan<float>("weights", (long)classIndex * CentersPerClass, count);
    }

    /// <summary>Mean squared distance of the class's rows to their centre (equation 16).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public double Distortion(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, _centerCounts.Length);
        return _classes is not null ? _classes[classIndex].Distortion : _file!.GetSpan<double>("distortion", classIndex, 1)[0];
    }

    /// <summary>Unmaps the file, if any: spans into it are invalid from here on.</summary>
    public void Dispose() => _file?.Dispose();

    private SafetensorsTensor Tensor(string name, SafetensorsType type, int rank)
    {
        SafetensorsTensor tensor = _file!.GetTensor(name);
        if (tensor.Type != type || tensor.Shape.Count != rank)
            throw new DdoqException($"'{_file.Path}': tensor {name} is {tensor}", FormatHint);
        return tensor;
    }

    /// <summary>Checks one class of a mapped file and returns its number of centres.</summary>
    private int CheckClass(int classIndex, int k)
    {
        string where = $"'{_file!.Path}': class {classIndex} {StorageErrors.Quote(ClassNames[classIndex])}";
        ReadOnlySpan<long> counts = _file.GetSpan<long>("counts", (long)classIndex * k, k);
        int used = counts.IndexOf(0);
        if (used < 0)
            used = k;
        ReadOnlySpan<double> masses = HasMasses ? _file.GetSpan<double>("masses", (long)classIndex * k, k) : default;
        double sum = 0;
        for (int i = 0; i < k; i++)
        {
            if (counts[i] < 0 || (i > used && counts[i] != 0))
                throw new DdoqException($"{where}: count {i} is {counts[i]}; counts are above 0 for used slots, then 0", FormatHint);
            if (HasMasses && !(i < used ? masses[i] > 0 && masses[i] <= double.MaxValue : masses[i] == 0))
                throw new DdoqException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{where}: mass {i} is {masses[i]}; masses are finite and above 0 for used slots, then 0"), FormatHint);
            sum += HasMasses ? masses[i] : counts[i];
        }

        double distortion = _file.GetSpan<double>("distortion", classIndex, 1)[0];
        if (!double.IsFinite(distortion) || distortion < 0)
            throw new DdoqException($"{where}: distortion is {distortion.ToString(System.Globalization.CultureInfo.InvariantCulture)}, allowed are finite numbers from 0", FormatHint);
        ReadOnlySpan<float> weights = _file.GetSpan<float>("weights", (long)classIndex * k, k);
        for (int i = 0; i < k; i++)
        {
            // Other tools may divide in single precision; a wrong class or order is far off.
            double expected = sum > 0 ? (HasMasses ? masses[i] : counts[i]) / sum : 0;
            if (!(Math.Abs(weights[i] - expected) <= 1e-5))
                throw new DdoqException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{where}: weight {i} is {weights[i]}, the {(HasMasses ? "masses" : "counts")} give {expected}"), FormatHint);
            if (i >= used)
                continue;
            ReadOnlySpan<float> centroid = _file.GetSpan<float>("centroids", (((long)classIndex * k) + i) * Shape.Length, Shape.Length);
            if (ClassPrototypes.IndexOfNonFinite(centroid) is int bad and >= 0)
                throw new DdoqException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{where}: centre {i} holds {centroid[bad]} at value {bad}"), FormatHint);
        }

        // Checking all classes must not leave all of them in resident memory.
        long perClass = (long)k * Shape.Length;
        if (perClass <= int.MaxValue)
            _file.Release(_file.GetTensor("centroids"), classIndex * perClass, (int)perClass);
        return used;
    }
}
