using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Evaluation.Tables;
using Ddoq.Latents;

namespace Ddoq.Evaluation.Comparison;

/// <summary>
/// Exact Wasserstein-2, energy distance, distortion and variance kept of several arms on the same classes (the form of the
/// paper's Table 1): of prototypes, or of the latents of the images that they became.
/// </summary>
public sealed class PrototypeComparison
{
    private readonly Dictionary<(string Arm, int ClassIndex), ClassMeasurement> _byArmAndClass;

    private PrototypeComparison(string[] arms, int[] classes, ClassMeasurement[] measurements)
    {
        Arms = arms;
        Classes = classes;
        Measurements = measurements;
        _byArmAndClass = measurements.ToDictionary(m => (m.Arm, m.ClassIndex));
    }

    /// <summary>Arm names in the order given.</summary>
    public IReadOnlyList<string> Arms { get; }

    /// <summary>The classes measured, by their 0-based index.</summary>
    public IReadOnlyList<int> Classes { get; }

    /// <summary>One entry per class and arm, classes outermost.</summary>
    public IReadOnlyList<ClassMeasurement> Measurements { get; }

    /// <summary>Measures every arm on every class.</summary>
    /// <param name="data">The rows that the prototypes stand for, weighted 1/N each.</param>
    /// <param name="arms">The arms, at least one, with different names.</param>
    /// <param name="heldOut">Rows that no arm was fitted to, same shape and classes; null when there are none.</param>
    /// <param name="classes">The classes to measure; null for all that have rows.</param>
    /// <param name="progress">Told after each class and arm.</param>
    /// <param name="cancellationToken">Looked at every few rows.</param>
    /// <exception cref="DdoqException">Names repeat, shapes do not fit, or a value is not usable.</exception>
    public static PrototypeComparison Measure(
        ILatentSource data,
        IReadOnlyList<PrototypeArm> arms,
        ILatentSource? heldOut = null,
        IReadOnlyList<int>? classes = null,
        IProgressSink? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(arms);
        Validate(data, arms, heldOut);
        arms = [.. arms.Select(arm => InOrderOf(data.ClassNames, arm))];
        int[] measured = [.. (classes ?? Enumerable.Range(0, data.ClassNames.Count)).Where(c => data.RowCount(c) > 0)];
        progress ??= NullProgress.Instance;
        progress.Begin("compare", (long)measured.Length * arms.Count, "class measurements");
        try
        {
            var measurements = new List<ClassMeasurement>(measured.Length * arms.Count);
            foreach (int classIndex in measured)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var measurer = new ClassMeasurer(data, heldOut, classIndex, cancellationToken);
                foreach (PrototypeArm arm in arms)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    measurements.Add(measurer.Measure(arm));
                    progress.Advance(1);
                }
            }

            return new PrototypeComparison([.. arms.Select(arm => arm.Name)], measured, [.. measurements]);
        }
        finally
        {
            progress.End();
        }
    }

    /// <summary>Puts measurements made elsewhere (another process, a published table) side by side.</summary>
    /// <param name="measurements">One entry per class and arm: every arm has the same classes.</param>
    /// <exception cref="DdoqException">An arm lacks a class that another has, or has it twice.</exception>
    public static PrototypeComparison FromMeasurements(IReadOnlyList<ClassMeasurement> measurements)
    {
        ArgumentNullException.ThrowIfNull(measurements);
        string[] arms = [.. measurements.Select(m => m.Arm).Distinct()];
        int[] classes = [.. measurements.Select(m => m.ClassIndex).Distinct()];
        int distinct = measurements.Select(m => (m.Arm, m.ClassIndex)).Distinct().Count();
        if (distinct != measurements.Count || distinct != arms.Length * classes.Length)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"{measurements.Count} measurements ({distinct} different) for {arms.Length} arms and {classes.Length} classes; one per arm and class is needed."));
        }

        return new PrototypeComparison(arms, classes, [.. measurements]);
    }

    /// <summary>The figures of one arm on one class.</summary>
    /// <exception cref="DdoqException">There is no such arm or class.</exception>
    public ClassMeasurement this[string arm, int classIndex] =>
        _byArmAndClass.TryGetValue((arm, classIndex), out ClassMeasurement? measurement)
            ? measurement
            : throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"No measurement of arm '{arm}' on class {classIndex}; the arms are {string.Join(", ", Arms)}."));

    /// <summary>The mean of a figure over the classes; null when a class lacks it.</summary>
    public double? Mean(string arm, PrototypeMetric metric)
    {
        double sum = 0;
        foreach (int classIndex in Classes)
        {
            if (this[arm, classIndex].Value(metric) is not { } value)
                return null;
            sum += value;
        }

        return Classes.Count == 0 ? null : sum / Classes.Count;
    }

    /// <summary>
    /// The mean over the classes of the change against a baseline arm, as a fraction: -0.157 is 15.7 % smaller. (The mean of
    /// the classes' changes, not the change of the means: this is what reproduces the paper's Table 1.)
    /// </summary>
    /// <returns>Null when a class lacks the figure or the baseline's is 0.</returns>
    public double? RelativeChange(string arm, string baseline, PrototypeMetric metric)
    {
        double sum = 0;
        foreach (int classIndex in Classes)
        {
            if (this[arm, classIndex].Value(metric) is not { } value
                || this[baseline, classIndex].Value(metric) is not { } reference || reference == 0)
                return null;
            sum += (value / reference) - 1;
        }

        return Classes.Count == 0 ? null : sum / Classes.Count;
    }

    /// <summary>One figure as a table: a row per class, a column per arm, then the mean and the change against a baseline.</summary>
    /// <param name="metric">The figure.</param>
    /// <param name="baseline">The arm that changes are measured against; null for no such row.</param>
    /// <param name="maximumClasses">Rows beyond this number are left out, and a note says so; means are over all classes.</param>
    /// <param name="decimals">Digits after the point.</param>
    public ComparisonTable ToTable(
        PrototypeMetric metric, string? baseline = null, int maximumClasses = int.MaxValue, int decimals = 2) =>
        PrototypeTables.Build(this, metric, baseline, maximumClasses, decimals);

    /// <summary>All figures as a table of their means over the classes: a row per arm.</summary>
    /// <param name="baseline">The arm that the change of W2 is measured against; null for no such column.</param>
    /// <param name="decimals">Digits after the point.</param>
    public ComparisonTable ToSummaryTable(string? baseline = null, int decimals = 2) =>
        PrototypeTables.BuildSummary(this, baseline, decimals);

    private static void Validate(ILatentSource data, IReadOnlyList<PrototypeArm> arms, ILatentSource? heldOut)
    {
        if (arms.Count == 0 || arms.Select(arm => arm.Name).Distinct().Count() != arms.Count)
        {
            throw new DdoqException(
                $"The arms to compare are [{string.Join(", ", arms.Select(arm => arm.Name))}]; at least one is needed and names are different.");
        }

        foreach (PrototypeArm arm in arms)
        {
            if (arm.Shape is { } shape && shape != data.Shape)
                throw Mismatch($"Arm '{arm.Name}' has prototypes of shape {shape}, the latents have {data.Shape}; they must be the same.");
            if (arm.ClassNames is not { } names)
                continue;
            if (data.ClassNames.Except(names).FirstOrDefault() is { } lacking)
                throw Mismatch(string.Create(CultureInfo.InvariantCulture, $"Arm '{arm.Name}' has {names.Count} classes, the latents {data.ClassNames.Count}; it lacks '{lacking}'."));
            if (names.Except(data.ClassNames).FirstOrDefault() is { } more)
                throw Mismatch(string.Create(CultureInfo.InvariantCulture, $"Arm '{arm.Name}' has {names.Count} classes, the latents {data.ClassNames.Count}; they lack '{more}'."));
        }

        if (heldOut is not null && (heldOut.Shape != data.Shape || !heldOut.ClassNames.SequenceEqual(data.ClassNames)))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"The held-out latents have shape {heldOut.Shape} and {heldOut.ClassNames.Count} classes, the fitted ones {data.Shape} and {data.ClassNames.Count}; shape and class names must be the same."),
                "Encode both parts with the same encoder, image size and class order.");
        }
    }

    // Classes are matched by name: an arm may list them in an order of its own.
    private static PrototypeArm InOrderOf(IReadOnlyList<string> classNames, PrototypeArm arm)
    {
        if (arm.ClassNames is not { } names || names.SequenceEqual(classNames))
            return arm;
        Dictionary<string, int> place = names.Select((name, index) => (name, index)).ToDictionary(entry => entry.name, entry => entry.index);
        return arm with { Prototypes = c => arm.Prototypes(place[classNames[c]]), ClassNames = classNames };
    }

    private static DdoqException Mismatch(string message) =>
        new(message, "Compare prototypes with the latents they were made from.");
}

/// <summary>One way to choose prototypes, as a column of a comparison: the quantiser under test or a control.</summary>
/// <param name="Name">The column's name, for example <c>DDOQ</c>, <c>D4M</c>, <c>random real</c>.</param>
/// <param name="Prototypes">Gives the prototypes of a class by its 0-based index; called once per class, in order.</param>
public sealed record PrototypeArm(string Name, Func<int, ArmPrototypes> Prototypes)
{
    /// <summary>The shape of the prototypes, compared with the data's; null when only their length is known.</summary>
    public LatentShape? Shape { get; init; }

    /// <summary>The classes of the prototypes in label order, compared with the data's; null when not known.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>The arm of latents, such as those of the finished images: what the prototypes became.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="latents">One row per image; it must outlive the measurement. Its sample weights are the arm's.</param>
    public static PrototypeArm FromLatents(string name, ILatentSource latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        return new PrototypeArm(name, Read) { Shape = latents.Shape, ClassNames = latents.ClassNames };

        ArmPrototypes Read(int classIndex)
        {
            int count = latents.RowCount(classIndex);
            var rows = new float[checked(count * latents.Shape.Length)];
            latents.ReadRows(classIndex, 0, rows);
            if (!latents.HasSampleWeights)
                return new ArmPrototypes(rows);
            var weights = new float[count];
            latents.ReadSampleWeights(classIndex, weights);
            return new ArmPrototypes(rows, weights.Select(weight => (double)weight).ToArray());
        }
    }

    /// <summary>The arm of a set of prototypes.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="prototypes">The set; it must outlive the measurement.</param>
    /// <param name="isWeighted">True for the direct weights v / sum v, false for 1/K (D4M, or the control w = 1).</param>
    public static PrototypeArm FromSet(string name, PrototypeSet prototypes, bool isWeighted = true)
    {
        ArgumentNullException.ThrowIfNull(prototypes);
        return new PrototypeArm(name, Read) { Shape = prototypes.Shape, ClassNames = prototypes.ClassNames };

        ArmPrototypes Read(int classIndex)
        {
            // The counts or masses, not the stored fp32 weights: their ratios are exact.
            double[] weights = !isWeighted ? []
                : prototypes.HasMasses ? prototypes.Masses(classIndex).ToArray()
                : [.. prototypes.Counts(classIndex).ToArray().Select(count => (double)count)];
            return new ArmPrototypes(prototypes.Centroids(classIndex).ToArray(), weights);
        }
    }
}

/// <summary>The points of an arm in one class.</summary>
/// <param name="Centers">K x D values, row-major; K may be smaller than asked for, but not 0.</param>
/// <param name="Weights">K weights, not negative, of any positive sum; empty for an arm without weights, then 1/K each.</param>
public sealed record ArmPrototypes(ReadOnlyMemory<float> Centers, ReadOnlyMemory<double> Weights = default);
