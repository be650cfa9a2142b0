using CsCheck;
using Ddoq.Selection;
using Ddoq.Tests.Quantization;

namespace Ddoq.Tests.Selection;

/// <summary>Selections against their definitions in fp64, against trying every choice, and at the edges.</summary>
public class CandidateSelectorTests
{
    private const int Dimension = 6;
    private static readonly SelectionObjective[] Searched = [SelectionObjective.Energy, SelectionObjective.Wasserstein];

    [Test]
    public void Search_FindsTheBestOfAllChoices([ValueSource(nameof(Searched))] SelectionObjective objective, [Values(1, 2, 4)] int count, [Values] bool weighted)
    {
        const int Rows = 30, Candidates = 11;
        for (ulong seed = 1; seed <= 5; seed++)
        {
            (Half[] rows, float[] candidates) = Case(Rows, Candidates, seed);
            float[]? weights = weighted ? WeightedRows.Spread(Rows, seed) : null;
            ClassSelection selection = Select(rows, weights, candidates, new() { Count = count, Objective = objective, Starts = 8 });
            double best = ReferenceSelection.Choices(Candidates, count).Min(chosen => Value(objective, rows, candidates, chosen, weights));
            Assert.That(selection.Objective, Is.EqualTo(best).Within(2e-6 * Math.Abs(best)), $"seed {seed}: {string.Join(' ', selection.Chosen)}");
        }
    }

    [Test]
    public void Search_LeavesNoSwapThatHelps()
    {
        Gen.Select(Gen.UInt[1, 10000], Gen.Int[1, 6], Gen.Int[2, 25], Gen.Int[1, 40], Gen.Enum<SelectionObjective>().Where(o => Searched.Contains(o)))
            .Sample(
                (seed, count, candidateCount, rowCount, objective) =>
                {
                    (Half[] rows, float[] candidates) = Case(rowCount, candidateCount, seed);
                    ClassSelection selection = Select(rows, null, candidates, new() { Count = count, Objective = objective });
                    double reached = Value(objective, rows, candidates, selection.Chosen, null), least = reached - (1e-5 * Math.Abs(reached));
                    foreach (int outside in Enumerable.Range(0, candidateCount).Except(selection.Chosen))
                    {
                        foreach (int inside in selection.Chosen)
                        {
                            int[] swapped = [.. selection.Chosen.Where(c => c != inside), outside];
                            if (Value(objective, rows, candidates, swapped, null) < least)
                                return false;
                        }
                    }

                    return selection.Chosen.SequenceEqual(selection.Chosen.Distinct().Order());
                },
                iter: 150,
                threads: 1);
    }

    [Test]
    public void Medoids_AreNotWorseThanAPlainSearchInNumpy([Values(1u, 2u, 3u)] uint seed)
    {
        // Per slot the best candidate given the others, until nothing changes: from a random start.
        const string Plain = """
            rng = np.random.RandomState(0)
            squared = ((start[:, None].astype(np.float64) - rows[None]) ** 2).sum(-1)
            chosen, changed = list(rng.choice(len(start), centroids, False)), True
            while changed:
                changed = False
                for slot in range(centroids):
                    others = chosen[:slot] + chosen[slot + 1:]
                    values = np.minimum(squared, squared[others].min(0)).mean(1)
                    values[others] = np.inf
                    best = int(values.argmin())
                    if values[best] < values[chosen[slot]] - 1e-12:
                        chosen[slot], changed = best, True
            say([squared[chosen].min(0).mean()])
            """;
        const int Count = 8;
        (Half[] rows, float[] candidates) = Case(200, 60, seed);
        double plain = ScikitLearn.Run(rows, candidates, Dimension, Count, Plain)[0][0];
        ClassSelection selection = Select(rows, null, candidates, new() { Count = Count, Objective = SelectionObjective.Wasserstein, Starts = 4 });
        Assert.That(selection.Objective, Is.LessThan(plain * (1 + 1e-6)));
    }

    [Test]
    public void Result_IsMeasuredOnTheRows([Values] SelectionObjective objective, [Values] bool weighted, [Values] bool fromRows)
    {
        const int Rows = 70, Count = 5;
        (Half[] rows, float[] candidates) = Case(Rows, 20, seed: 4);
        float[]? weights = weighted ? WeightedRows.Spread(Rows, 5) : null;
        float[] centroids = objective == SelectionObjective.Nearest ? Floats(TestRows.Gaussian(Count, Dimension, seed: 6)) : [];
        var options = new SelectionOptions { Count = Count, Objective = objective };
        using var selector = new CandidateSelector();
        ClassSelection selection = fromRows
            ? selector.SelectRows(Source(rows, weights), 0, options, default, centroids)
            : selector.Select(Source(rows, weights), 0, candidates, options, default, centroids);
        double[] exact = Double(rows), points = ReferenceSelection.Points(fromRows ? exact : Double(candidates), selection.Chosen, Dimension);
        int[] all = [.. Enumerable.Range(0, Count)];
        Assert.Multiple(() =>
        {
            Assert.That(selection.Chosen.Distinct().Count(), Is.EqualTo(Count));
            Assert.That(selection.Masses.Distortion, Is.EqualTo(ReferenceSelection.MeanSquare(exact, points, all, Dimension, weights)).Within(1e-5));
            Assert.That(selection.EnergyDistance, Is.EqualTo(ReferenceSupport.Energy(exact, points, Dimension, weights)).Within(1e-5));
            Assert.That(selection.Masses.Counts.Sum(), Is.EqualTo(Rows));
            for (int k = 0; k < Count; k++)
            {
                int[] own = [.. Enumerable.Range(0, Rows).Where(i => selection.Masses.Labels[i] == k)];
                Assert.That(selection.Masses.Counts[k], Is.EqualTo(own.Length));
                if (weights is not null)
                    Assert.That(selection.Masses.Masses![k], Is.EqualTo(own.Sum(i => (double)weights[i])).Within(1e-9));
            }

            foreach (int i in Enumerable.Range(0, Rows))
            {
                double least = all.Min(k => ReferenceSelection.SquaredDistance(exact, i, points, k, Dimension));
                Assert.That(ReferenceSelection.SquaredDistance(exact, i, points, selection.Masses.Labels[i], Dimension), Is.EqualTo(least).Within(1e-5));
            }

            if (Searched.Contains(objective))
                Assert.That(selection.Objective, Is.EqualTo(Value(objective, rows, fromRows ? Floats(rows) : candidates, selection.Chosen, weights)).Within(1e-5));
        });
    }

    [Test]
    public void Nearest_IsTheCheapestAssignment([Values(1u, 2u, 3u, 4u)] uint seed)
    {
        const int Count = 4, Candidates = 7;
        (Half[] rows, float[] candidates) = Case(20, Candidates, seed);
        double[] exact = Double(candidates);
        float[] centroids = Floats(TestRows.Gaussian(Count, Dimension, seed + 50, spread: 0.1));
        using var selector = new CandidateSelector();
        ClassSelection selection = selector.Select(Source(rows), 0, candidates, new() { Count = Count, Objective = SelectionObjective.Nearest }, default, centroids);
        double least = double.PositiveInfinity;
        foreach (int[] subset in ReferenceSelection.Choices(Candidates, Count))
        {
            foreach (int[] order in Orders(subset))
                least = Math.Min(least, Cost(order));
        }

        Assert.That(Cost(selection.Chosen), Is.EqualTo(least).Within(1e-5));
        Assert.That(selection.Objective, Is.EqualTo(least).Within(1e-5));

        double Cost(int[] chosen) => chosen.Select((c, k) => ReferenceSelection.SquaredDistance(Double(centroids), k, exact, c, Dimension)).Sum();

        static IEnumerable<int[]> Orders(int[] values) => values.Length <= 1
            ? [values]
            : values.SelectMany(first => Orders([.. values.Where(value => value != first)]).Select(rest => (int[])[first, .. rest]));
    }

    [Test]
    public void Herding_FollowsTheMean([Values] bool weighted)
    {
        const int Rows = 40, Count = 6;
        (Half[] rows, float[] candidates) = Case(Rows, 15, seed: 7);
        float[] weights = weighted ? WeightedRows.Spread(Rows, 8) : [.. Enumerable.Repeat(1f, Rows)];
        double[] exact = Double(candidates);
        double[] mean = [.. Enumerable.Range(0, Dimension).Select(j => Enumerable.Range(0, Rows).Sum(i => (double)weights[i] * (double)rows[(i * Dimension) + j]) / weights.Sum(w => (double)w))];
        var chosen = new List<int>();
        while (chosen.Count < Count)
            chosen.Add(Enumerable.Range(0, 15).Except(chosen).MinBy(c => Gap([.. chosen, c])));
        ClassSelection selection = Select(rows, weights, candidates, new() { Count = Count, Objective = SelectionObjective.Herding });
        Assert.That(selection.Chosen, Is.EqualTo(chosen.Order()));
        Assert.That(selection.Objective, Is.EqualTo(Gap([.. chosen])).Within(1e-5));

        double Gap(int[] of) => Enumerable.Range(0, Dimension).Sum(j => Math.Pow(of.Average(c => exact[(c * Dimension) + j]) - mean[j], 2));
    }

    [Test]
    public void KCenter_TakesTheFarthest_BehindAFirstThatTheSeedDraws()
    {
        (Half[] rows, float[] candidates) = Case(40, 15, seed: 9);
        double[] exact = Double(candidates);
        var firsts = new HashSet<int>();
        for (ulong seed = 0; seed < 10; seed++)
        {
            ClassSelection selection = Select(rows, null, candidates, new() { Count = 5, Objective = SelectionObjective.KCenter, Seed = seed });
            int first = Enumerable.Range(0, 15).First(start => Follow(start).Order().SequenceEqual(selection.Chosen));
            firsts.Add(first);
            List<int> chosen = Follow(first);
            Assert.That(selection.Objective, Is.EqualTo(Math.Sqrt(Enumerable.Range(0, 15).Max(c => Nearest(chosen, c)))).Within(1e-5));
        }

        Assert.That(firsts, Has.Count.GreaterThan(2));

        List<int> Follow(int start)
        {
            var chosen = new List<int> { start };
            while (chosen.Count < 5)
                chosen.Add(Enumerable.Range(0, 15).MaxBy(c => Nearest(chosen, c)));
            return chosen;
        }

        double Nearest(List<int> chosen, int c) => chosen.Min(other => ReferenceSelection.SquaredDistance(exact, c, exact, other, Dimension));
    }

    [Test]
    public void ASearchOfManyCandidates_DiffersBySeed([ValueSource(nameof(Searched))] SelectionObjective objective)
    {
        (Half[] rows, float[] candidates) = Case(300, 200, seed: 12);
        int[][] chosen = [.. Enumerable.Range(0, 3).Select(seed => Select(rows, null, candidates, new() { Count = 20, Objective = objective, Seed = (ulong)seed }).Chosen)];
        Assert.That(chosen.Select(choice => string.Join(',', choice)).Distinct().Count(), Is.GreaterThan(1));
    }

    [Test]
    public void Random_DiffersBySeedAndClass_AndRepeats()
    {
        (Half[] rows, float[] candidates) = Case(10, 400, seed: 10);
        var source = new ArrayLatentSource(Dimension, rows, rows);
        using var selector = new CandidateSelector();
        int[] Chosen(int classIndex, ulong seed) => selector.Select(source, classIndex, candidates, new() { Count = 20, Objective = SelectionObjective.Random, Seed = seed }).Chosen;
        int[] first = Chosen(0, 1);
        Assert.Multiple(() =>
        {
            Assert.That(Chosen(0, 1), Is.EqualTo(first));
            Assert.That(Chosen(0, 2), Is.Not.EqualTo(first));
            Assert.That(Chosen(1, 1), Is.Not.EqualTo(first));
        });
    }

    [Test]
    public void RowsAsCandidates_AreTheSameAsTheirValues([Values] SelectionObjective objective)
    {
        (Half[] rows, _) = Case(60, 1, seed: 11);
        float[] centroids = objective == SelectionObjective.Nearest ? Floats(TestRows.Gaussian(4, Dimension, seed: 12)) : [];
        var options = new SelectionOptions { Count = 4, Objective = objective };
        using var selector = new CandidateSelector();
        ClassSelection own = selector.SelectRows(Source(rows), 0, options, default, centroids), values = selector.Select(Source(rows), 0, Floats(rows), options, default, centroids);
        Assert.That(own.Chosen, Is.EqualTo(values.Chosen));
    }

    [Test]
    public void RowsOfWeightZero_AreNotChosen_ButCounted()
    {
        (Half[] rows, _) = Case(30, 1, seed: 13);
        float[] weights = [.. Enumerable.Range(0, 30).Select(i => i % 3 == 0 ? 0f : 1f)];
        using var selector = new CandidateSelector();
        ClassSelection selection = selector.SelectRows(Source(rows, weights), 0, new() { Count = 20 });
        Assert.Multiple(() =>
        {
            Assert.That(selection.Chosen, Is.EqualTo(Enumerable.Range(0, 30).Where(i => i % 3 != 0)));
            Assert.That(selection.Masses.Counts.Sum(), Is.EqualTo(30));
            Assert.That(selection.Masses.Masses!.Sum(), Is.EqualTo(20).Within(1e-9));
        });
    }

    [Test]
    public void AsManyCandidatesAsAskedFor_OrFewer_AreAllTaken([Values] SelectionObjective objective, [Values(6, 9)] int count)
    {
        (Half[] rows, float[] candidates) = Case(3, 6, seed: 14);
        float[] centroids = objective == SelectionObjective.Nearest ? Floats(TestRows.Gaussian(count, Dimension, seed: 12)) : [];
        using var selector = new CandidateSelector();
        ClassSelection selection = selector.Select(Source(rows), 0, candidates, new() { Count = count, Objective = objective }, default, centroids);
        Assert.That(selection.Chosen, Is.EquivalentTo(Enumerable.Range(0, 6)));
        Assert.That((selection.RequestedCount, selection.EligibleCount, selection.Masses.Counts.Sum()), Is.EqualTo((count, 6, 3L)));
    }

    [Test]
    public void EqualCandidates_AreOne_WhicheverIsChosen([ValueSource(nameof(Searched))] SelectionObjective objective)
    {
        (Half[] rows, float[] candidates) = Case(40, 5, seed: 15);
        ClassSelection once = Select(rows, null, candidates, new() { Count = 2, Objective = objective });
        ClassSelection thrice = Select(rows, null, [.. candidates, .. candidates, .. candidates], new() { Count = 2, Objective = objective });
        Assert.That(thrice.Chosen.Select(c => c % 5).Order(), Is.EqualTo(once.Chosen));
    }

    [Test]
    public void WholeWeights_AreRepeatedRows([ValueSource(nameof(Searched))] SelectionObjective objective)
    {
        (Half[] rows, float[] candidates) = Case(50, 25, seed: 16);
        float[] weights = WeightedRows.Whole(50, 17);
        var options = new SelectionOptions { Count = 5, Objective = objective };
        ClassSelection weighted = Select(rows, weights, candidates, options), repeated = Select(WeightedRows.Repeat(rows, Dimension, weights), null, candidates, options);
        Assert.That(weighted.Chosen, Is.EqualTo(repeated.Chosen));
        Assert.That(weighted.Objective, Is.EqualTo(repeated.Objective).Within(1e-5));
    }

    [Test]
    public void IneligibleCandidates_MayBeAnything_AndAreLeftOut([Values] bool fromRows)
    {
        (Half[] rows, float[] candidates) = Case(30, 30, seed: 18);
        bool[] eligible = [.. Enumerable.Range(0, 30).Select(c => c % 4 != 1)];
        candidates[1 * Dimension] = float.NaN;
        using var selector = new CandidateSelector();
        ClassSelection selection = fromRows
            ? selector.SelectRows(Source(rows), 0, new() { Count = 8 }, eligible)
            : selector.Select(Source(rows), 0, candidates, new() { Count = 8 }, eligible);
        Assert.Multiple(() =>
        {
            Assert.That(selection.Chosen, Has.Length.EqualTo(8).And.All.Matches<int>(c => eligible[c]));
            Assert.That(selection.EligibleCount, Is.EqualTo(22));
            Assert.That(
                () => selector.Select(Source(rows), 0, candidates, new() { Count = 8 }),
                Throws.TypeOf<DdoqException>().With.Message.Contain("Class 0, candidate 1: value 0 is NaN"));
            Assert.That(() => selector.Select(Source(rows), 0, candidates, new() { Count = 8 }, new bool[30]), Throws.TypeOf<UsageException>().With.Message.Contain("None of 30"));
            Assert.That(() => selector.Select(Source(rows), 0, candidates, new() { Count = 8 }, new bool[3]), Throws.TypeOf<UsageException>().With.Message.Contain("3 marks"));
        });
    }

    [Test]
    public void Threads_ChangeNoBit()
    {
        var source = new ArrayLatentSource(Dimension, [.. Enumerable.Range(0, 8).Select(c => TestRows.Gaussian(60 + c, Dimension, (ulong)c))]);
        using var selector = new CandidateSelector();
        double[] alone = [.. Enumerable.Range(0, 8).Select(Energy)];
        var together = new double[8];
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 4 }, c => together[c] = Energy(c));
        Assert.That(together, Is.EqualTo(alone));

        double Energy(int c)
        {
            ClassSelection selection = selector.SelectRows(source, c, new() { Count = 7, Starts = 2 });
            return selection.EnergyDistance!.Value + selection.Chosen.Sum();
        }
    }

    [Test]
    public void LargeClass_IsSearchedThroughASample([Values] bool fromRows)
    {
        const int Rows = CandidateSelector.LargestSearch + 800, Columns = 2;
        Half[] rows = TestRows.Gaussian(Rows, Columns, seed: 19);
        float[] candidates = Floats(TestRows.Gaussian(50, Columns, seed: 19));
        var options = new SelectionOptions { Count = 5, Objective = SelectionObjective.Wasserstein, MaxSweeps = 2, MeasureEnergyDistance = false };
        using var selector = new CandidateSelector();
        var source = new ArrayLatentSource(Columns, rows);
        ClassSelection selection = fromRows
            ? selector.SelectRows(source, 0, options, [.. Enumerable.Range(0, Rows).Select(i => i % 100 == 0)])
            : selector.Select(source, 0, candidates, options);
        Assert.Multiple(() =>
        {
            Assert.That(selection.Masses.Labels, Has.Length.EqualTo(Rows));
            Assert.That(selection.Masses.Distortion, Is.EqualTo(selection.Objective).Within(3).Percent, "the sample stands for all rows");
            Assert.That(selection.EnergyDistance, Is.Null);
        });
    }

    [Test]
    public void WhatDoesNotFit_IsRefused()
    {
        (Half[] rows, float[] candidates) = Case(5, 4, seed: 20);
        using var selector = new CandidateSelector();
        var source = new ArrayLatentSource(Dimension, rows, []);
        Assert.Multiple(() =>
        {
            Assert.That(() => selector.Select(source, 0, candidates, new() { Count = 0 }), Throws.TypeOf<UsageException>().With.Message.Contain("Count is 0"));
            Assert.That(() => selector.Select(source, 0, candidates.AsSpan(1), new() { Count = 1 }), Throws.TypeOf<UsageException>().With.Message.Contain("23 values"));
            Assert.That(() => selector.SelectRows(source, 1, new() { Count = 1 }), Throws.TypeOf<UsageException>().With.Message.Contain("no rows"));
            Assert.That(() => selector.Select(source, 0, candidates, new() { Count = 1, Objective = SelectionObjective.Nearest }), Throws.TypeOf<UsageException>().With.Message.Contain("needs centres"));
            Assert.That(() => selector.Select(source, 0, candidates, new() { Count = 1 }, default, candidates), Throws.TypeOf<UsageException>().With.Message.Contain("needs centres"));
        });
    }

    private static double Value(SelectionObjective objective, Half[] rows, float[] candidates, int[] chosen, float[]? weights) => objective == SelectionObjective.Energy
        ? ReferenceSelection.Energy(Double(rows), Double(candidates), chosen, Dimension, weights)
        : ReferenceSelection.MeanSquare(Double(rows), Double(candidates), chosen, Dimension, weights);

    private static ClassSelection Select(Half[] rows, float[]? weights, float[] candidates, SelectionOptions options)
    {
        using var selector = new CandidateSelector();
        return selector.Select(Source(rows, weights), 0, candidates, options);
    }

    private static (Half[] Rows, float[] Candidates) Case(int rows, int candidates, ulong seed) =>
        (TestRows.Gaussian(rows, Dimension, seed), Floats(TestRows.Gaussian(candidates, Dimension, seed + 100)));

    private static ArrayLatentSource Source(Half[] rows, float[]? weights = null) => new(Dimension, rows) { Weights = weights is null ? null : [weights] };

    private static float[] Floats(Half[] values) => [.. values.Select(value => (float)value)];

    private static double[] Double(Half[] values) => [.. values.Select(value => (double)value)];

    private static double[] Double(float[] values) => [.. values.Select(value => (double)value)];
}
