using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>What every quantiser promises, in every space and with every algorithm, against fp64.</summary>
public abstract class QuantizerContract(QuantizationSpace space)
{
    private const int Dimension = 33;

    private static readonly int[] s_rowCounts = [1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 129, 257];

    /// <summary>Larger cases are left out: an emulated device is slow.</summary>
    protected virtual long MostValues => long.MaxValue;

    private QuantizerOptions Options => new() { CentroidCount = 1, Space = space };

    /// <summary>A new quantiser.</summary>
    protected abstract IQuantizer Create();

    [Test]
    public void Result_KeepsItsPromises([Values] QuantizationAlgorithm algorithm, [ValueSource(nameof(s_rowCounts))] int rows)
    {
        using IQuantizer quantizer = Create();
        foreach ((int dimension, int centroids) in new[] { (1, 1), (3, 2), (33, 5), (64, rows), (520, rows + 1), (17, Math.Max(1, rows / 3)) })
        {
            if ((long)rows * dimension * Math.Min(rows, centroids) > MostValues)
                continue;
            Half[] data = TestRows.Gaussian(rows, dimension, seed: 5);
            QuantizerOptions options = Options with { CentroidCount = centroids, Algorithm = algorithm, Seed = 11, Passes = 2, BatchSize = 20 };
            ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(dimension, data), 0, options, default);
            Check(result, data, dimension, centroids, $"N={rows} D={dimension} K={centroids} seed=11");
        }
    }

    [Test]
    public void HeldOutRows_AreLeftOutOfTheFit_AndMeasured([Values] QuantizationAlgorithm algorithm)
    {
        const int Rows = 101, Columns = 40;
        Half[] data = TestRows.Gaussian(Rows, Columns, seed: 6);
        QuantizerOptions options = Options with { CentroidCount = 6, Algorithm = algorithm, HoldOutFraction = 0.3 };
        using IQuantizer quantizer = Create();
        ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(Columns, data), 0, options, default);
        double total = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(data), result.Centroids, Columns) * Rows;
        Assert.Multiple(() =>
        {
            Assert.That(result.HeldOutRowCount, Is.EqualTo(30));
            Assert.That(result.Counts.Sum(), Is.EqualTo(Rows));
            Assert.That((result.Distortion * 71) + (result.HeldOutDistortion!.Value * 30), Is.EqualTo(total).Within(1e-5 * total));
            Assert.That(result.HeldOutDistortion, Is.GreaterThan(result.Distortion), "rows of the fit lie nearer to their means");
        });
    }

    [Test]
    public void EqualRows_LeaveCellsEmpty([Values] QuantizationAlgorithm algorithm)
    {
        Half[] data = [.. Enumerable.Repeat(Enumerable.Range(0, 13).Select(j => (Half)(0.1 * j)), 40).SelectMany(row => row)];
        using IQuantizer quantizer = Create();
        ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(13, data), 0, Options with { CentroidCount = 4, Algorithm = algorithm, BatchSize = 8 }, default);
        Assert.Multiple(() =>
        {
            Assert.That(result.Distortion, Is.EqualTo(0).Within(1e-10));
            Assert.That(result.Counts.Sum(), Is.EqualTo(40));
            Assert.That(result.Centroids, Is.All.Not.NaN);
        });
        if (algorithm is QuantizationAlgorithm.Lloyd or QuantizationAlgorithm.Hartigan)
            Assert.That(result.Counts, Is.EqualTo(new long[] { 40, 0, 0, 0 }));
    }

    [Test]
    public void AsManyCentroidsAsDistinctRows_ReachZero()
    {
        const int Columns = 9;
        Half[] distinct = TestRows.Gaussian(6, Columns, seed: 2);
        Half[] data = [.. Enumerable.Repeat(distinct, 5).SelectMany(rows => rows)];
        using IQuantizer quantizer = Create();
        ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(Columns, data), 0, Options with { CentroidCount = 6 }, default);
        Assert.Multiple(() =>
        {
            Assert.That(result.Distortion, Is.EqualTo(0).Within(1e-6));
            Assert.That(result.Counts, Is.All.EqualTo(5));
        });
    }

    [Test]
    public void ExtremeHalves_AreHandled()
    {
        const int Columns = 40;
        var random = new Ddoq.Numerics.CounterRandom(1, 2);
        Half[] large = [.. Enumerable.Range(0, 30 * Columns).Select(_ => random.NextInt32(2) == 0 ? Half.MaxValue : Half.MinValue)];
        Half[] tiny = [.. Enumerable.Range(0, 30 * Columns).Select(_ => BitConverter.UInt16BitsToHalf((ushort)(random.NextInt32(1024) | (random.NextInt32(2) << 15))))];
        using IQuantizer quantizer = Create();
        foreach (Half[] data in new[] { large, tiny })
        {
            ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(Columns, data), 0, Options with { CentroidCount = 4 }, default);
            double expected = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(data), result.Centroids, Columns);
            Assert.That(result.Distortion, Is.EqualTo(expected).Within(1e-5 * expected));
            Assert.That(result.EmptyCells, Is.Zero);
        }
    }

    [Test]
    public void Restarts_KeepTheBest()
    {
        const int Columns = 12;
        var source = new ArrayLatentSource(Columns, TestRows.Gaussian(120, Columns, seed: 21));
        QuantizerOptions options = Options with { CentroidCount = 12, Seed = 1, Initialization = CentroidInitialization.Random };
        using IQuantizer quantizer = Create();
        double[] distortions = [.. Enumerable.Range(1, 8).Select(restarts => quantizer.FitClass(source, 0, options with { Restarts = restarts }, default).Distortion)];
        for (int i = 1; i < distortions.Length; i++)
            Assert.That(distortions[i], Is.LessThanOrEqualTo(distortions[i - 1] * (1 + 1e-6)), $"{i + 1} restarts");
        Assert.That(distortions[^1], Is.LessThan(distortions[0]), "eight random starts of this data differ");
        Assert.That(distortions.Distinct().Count(), Is.LessThan(8), "some start was worse and was dropped");
    }

    [Test]
    public void AClassAlone_IsTheClassAmongOthers()
    {
        ArrayLatentSource source = Source(50, 7, 81);
        var options = Options with { CentroidCount = 6, Seed = 4 };
        Dictionary<int, ClassQuantization> all = FitAll(source, options);
        using IQuantizer quantizer = Create();
        Assert.That(quantizer.FitClass(source, 2, options, default).Centroids, Is.EqualTo(all[2].Centroids));
    }

    [Test]
    public void Seed_AndClassIndex_ChangeTheStart()
    {
        Half[] rows = TestRows.Gaussian(60, Dimension, seed: 1);
        var source = new ArrayLatentSource(Dimension, rows, rows);
        var options = Options with { CentroidCount = 6, Algorithm = QuantizationAlgorithm.D4m, Seed = 1 };
        Dictionary<int, ClassQuantization> first = FitAll(source, options), second = FitAll(source, options with { Seed = 2 });
        Assert.That(first[0].Centroids, Is.Not.EqualTo(first[1].Centroids));
        Assert.That(first[0].Centroids, Is.Not.EqualTo(second[0].Centroids));
    }

    [Test]
    public void SkippedClasses_AreLeftOut_AndCountAsComplete()
    {
        var progress = new RecordingProgress();
        var done = new List<int>();
        using IQuantizer quantizer = Create();
        quantizer.Fit(Source(5, 6, 7), Options with { CentroidCount = 2 }, result => done.Add(result.ClassIndex), new HashSet<int> { 1 }, progress, default);
        Assert.Multiple(() =>
        {
            Assert.That(done, Is.EquivalentTo(new[] { 0, 2 }));
            Assert.That(progress.Total, Is.EqualTo(3));
            Assert.That(progress.Completed, Is.EqualTo(3));
            Assert.That(progress.Ended, Is.True);
        });
    }

    [Test]
    public void SmallAndEmptyClasses_GetFewerCentroids_AndSaySo()
    {
        var progress = new RecordingProgress();
        var results = new Dictionary<int, ClassQuantization>();
        using IQuantizer quantizer = Create();
        quantizer.Fit(Source(9, 2, 0), Options with { CentroidCount = 4 }, result => results[result.ClassIndex] = result, null, progress, default);
        Assert.Multiple(() =>
        {
            Assert.That(results[0].CentroidCount, Is.EqualTo(4));
            Assert.That(results[1].CentroidCount, Is.EqualTo(2));
            Assert.That(results[2].CentroidCount, Is.Zero);
            Assert.That(results[2].Labels, Is.Empty);
            Assert.That(progress.Messages, Has.Count.EqualTo(2).And.Some.Contains("class1").And.Some.Contains("2 centres instead of 4"));
        });
    }

    [Test]
    public void NonFiniteValue_IsRefused_WithClassRowAndValue()
    {
        Half[] rows = TestRows.Gaussian(9, Dimension, seed: 1);
        rows[(4 * Dimension) + 32] = Half.NaN;
        var source = new ArrayLatentSource(Dimension, TestRows.Gaussian(9, Dimension, seed: 1), rows);
        using IQuantizer quantizer = Create();
        Assert.That(
            () => quantizer.Fit(source, Options with { CentroidCount = 2 }, _ => { }, null, NullProgress.Instance, default),
            Throws.TypeOf<DdoqException>().With.Message.Contains("Class 1").And.Message.Contains("row 4").And.Message.Contains("value 32"));
    }

    [Test]
    public void Callback_ThatThrows_StopsTheRun()
    {
        using IQuantizer quantizer = Create();

        // Many times: another worker may wait with its result just when this one fails.
        for (int run = 0; run < 30; run++)
        {
            int calls = 0;
            void Fail(ClassQuantization result)
            {
                calls++;
                Thread.SpinWait(200 * run);
                throw new DdoqException("disk full");
            }

            Assert.That(
                () => quantizer.Fit(Source(5, 6, 7, 8), Options with { CentroidCount = 2, Workers = 4 }, Fail, null, NullProgress.Instance, default),
                Throws.TypeOf<DdoqException>().With.Message.EqualTo("disk full"));
            Assert.That(calls, Is.EqualTo(1), $"run {run}");
        }
    }

    [Test]
    public void Stopping_ReportsTheClassesInWork_AndBeginsNoOther([Values(1, 2)] int workers)
    {
        using IQuantizer quantizer = Create();
        using var stopping = new CancellationTokenSource();
        var reported = new List<int>();
        void Report(ClassQuantization result)
        {
            reported.Add(result.ClassIndex);
            stopping.Cancel();
        }

        int[] rows = [.. Enumerable.Range(0, 40).Select(c => 30 + c)];
        Assert.That(
            () => quantizer.Fit(Source(rows), Options with { CentroidCount = 2, Workers = workers }, Report, null, NullProgress.Instance, CancellationToken.None, stopping.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(reported, Is.Unique);

        // A device's unit is a batch, which may hold all of them.
        if (quantizer is CpuQuantizer)
            Assert.That(reported, Has.Count.InRange(1, workers));
        var rest = new List<int>();
        quantizer.Fit(Source(rows), Options with { CentroidCount = 2, Workers = workers }, result => rest.Add(result.ClassIndex), reported.ToHashSet(), NullProgress.Instance, CancellationToken.None);
        Assert.That(rest.Concat(reported), Is.EquivalentTo(Enumerable.Range(0, rows.Length)));
    }

    [Test]
    public void Cancellation_Throws()
    {
        using IQuantizer quantizer = Create();
        using var cancellation = new CancellationTokenSource();
        Assert.That(
            () => quantizer.Fit(Source(5, 6, 7), Options with { CentroidCount = 2, Workers = 1 }, _ => cancellation.Cancel(), null, NullProgress.Instance, cancellation.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    private static ArrayLatentSource Source(params int[] rows) =>
        new(Dimension, [.. rows.Select((count, index) => TestRows.Gaussian(count, Dimension, (ulong)index))]);

    private Dictionary<int, ClassQuantization> FitAll(ArrayLatentSource source, QuantizerOptions options)
    {
        var results = new Dictionary<int, ClassQuantization>();
        using IQuantizer quantizer = Create();
        quantizer.Fit(source, options, result => results.Add(result.ClassIndex, result), null, NullProgress.Instance, default);
        return results;
    }

    private static void Check(ClassQuantization result, Half[] data, int dimension, int requested, string where)
    {
        int rows = data.Length / dimension;
        double[] exact = ReferenceKMeans.ToDouble(data);
        double expected = ReferenceKMeans.Distortion(exact, result.Centroids, dimension);
        Assert.Multiple(() =>
        {
            Assert.That(result.RowCount, Is.EqualTo(rows), where);
            Assert.That(result.RequestedCentroidCount, Is.EqualTo(requested), where);
            Assert.That(result.CentroidCount, Is.EqualTo(Math.Min(requested, rows)), where);
            Assert.That(result.Centroids, Has.Length.EqualTo(result.CentroidCount * dimension).And.All.Not.NaN, where);
            Assert.That(result.Counts.Sum(), Is.EqualTo(rows), where);
            Assert.That(result.EmptyCells, Is.EqualTo(result.Counts.Count(count => count == 0)), where);
            Assert.That(result.EffectiveCells, Is.InRange(0.999, result.CentroidCount + 0.001), where);
            Assert.That(result.Distortion, Is.EqualTo(expected).Within((1e-5 * expected) + 1e-9), where);
            Assert.That(result.HeldOutDistortion, Is.Null, where);
        });
        for (int i = 0; i < rows; i++)
        {
            double nearest = ReferenceKMeans.Nearest(exact, i, result.Centroids, dimension).Distance;
            double labelled = ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, result.Labels[i], dimension);
            Assert.That(labelled, Is.EqualTo(nearest).Within((1e-5 * nearest) + (1e-5 * dimension)), $"{where} row {i}");
        }

        for (int k = 0; k < result.CentroidCount; k++)
            Assert.That(result.Labels.Count(label => label == k), Is.EqualTo(result.Counts[k]), $"{where} centre {k}");
    }
}
