using System.Collections.Concurrent;
using System.Diagnostics;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Selection;

/// <summary>Chooses K of M candidates that stand best for the rows of a class: generated images by their latents, or rows themselves.</summary>
/// <remarks>
/// One class per call, on the calling thread; thread-safe, so that several classes can be worked on at once. A result depends on the
/// class, its index, the candidates and the options alone: the same bits for any number of threads. Working space is kept for the
/// next class until <see cref="Dispose"/>. Beyond <see cref="LargestSearch"/> rows or candidates a random sample is searched; counts,
/// masses and distances are of all rows in any case.
/// </remarks>
/// <example>
/// <code>
/// using var selector = new CandidateSelector();
/// ClassSelection images = selector.Select(latents, classIndex, candidates, new() { Count = 10 });
/// ClassSelection coreset = selector.SelectRows(latents, classIndex, new() { Count = 10, Objective = SelectionObjective.Wasserstein });
/// </code>
/// </example>
public sealed class CandidateSelector : IDisposable
{
    /// <summary>Rows and candidates up to which a search sees all of them.</summary>
    public const int LargestSearch = SelectionProblem.MostRows;

    private readonly LatentKernels _kernels;
    private readonly ConcurrentDictionary<LatentElementType, ConcurrentBag<Worker>> _idle = new();

    /// <summary>Creates a selector for this processor.</summary>
    /// <exception cref="UsageException"><c>DDOQ_SIMD</c> names an instruction set that is unknown or not supported.</exception>
    public CandidateSelector()
        : this(KernelTable.Default)
    {
    }

    internal CandidateSelector(LatentKernels kernels) => _kernels = kernels;

    /// <summary>Chooses among given points, such as the latents of generated images.</summary>
    /// <param name="data">The rows; not modified, not disposed.</param>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="candidates">M x D values, row-major, in the coordinates of the rows; those that may be chosen are finite.</param>
    /// <param name="options">The settings; validated first.</param>
    /// <param name="eligible">Whether each candidate may be chosen (M), for example by a teacher's confidence; empty for all.</param>
    /// <param name="centroids">The centres of <see cref="SelectionObjective.Nearest"/> (K x D); empty for other objectives.</param>
    /// <param name="cancellation">Stops between steps.</param>
    /// <exception cref="UsageException">A setting is out of range, shapes do not fit, no candidate is eligible, or the class has no rows.</exception>
    /// <exception cref="DdoqException">A row, an eligible candidate or a weight is not usable; the message names it.</exception>
    public ClassSelection Select(
        ILatentSource data,
        int classIndex,
        ReadOnlySpan<float> candidates,
        SelectionOptions options,
        ReadOnlySpan<bool> eligible = default,
        ReadOnlySpan<float> centroids = default,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        int dimension = data.Shape.Length;
        if (candidates.Length % dimension != 0)
            throw new UsageException($"{candidates.Length} values are not candidates of {dimension}: a multiple of the dimension is needed.");
        int[] indices = Eligible(candidates.Length / dimension, eligible);
        var values = new float[indices.Length * dimension];
        for (int c = 0; c < indices.Length; c++)
        {
            ReadOnlySpan<float> candidate = candidates.Slice(indices[c] * dimension, dimension);
            if (candidate.IndexOfAnyExceptInRange(-FiniteScan.Largest, FiniteScan.Largest) is int bad and >= 0)
                throw new DdoqException($"Class {classIndex}, candidate {indices[c]}: value {bad} is {candidate[bad]}; candidates must be finite.", "Leave it out by the list of eligible candidates.");
            candidate.CopyTo(values.AsSpan(c * dimension));
        }

        return Run(data, classIndex, options, new(indices, values), centroids.ToArray(), cancellation);
    }

    /// <summary>Chooses among the rows of the class themselves; rows of weight 0 are left out.</summary>
    /// <inheritdoc cref="Select"/>
    public ClassSelection SelectRows(
        ILatentSource data,
        int classIndex,
        SelectionOptions options,
        ReadOnlySpan<bool> eligible = default,
        ReadOnlySpan<float> centroids = default,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        LoadedRows.CheckClass(data, classIndex);
        int[]? indices = eligible.IsEmpty ? null : Eligible(data.RowCount(classIndex), eligible);
        return Run(data, classIndex, options, new(indices, null), centroids.ToArray(), cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ConcurrentBag<Worker> idle in _idle.Values)
        {
            while (idle.TryTake(out Worker? worker))
                worker.Dispose();
        }
    }

    private static int[] Eligible(int count, ReadOnlySpan<bool> eligible)
    {
        if (!eligible.IsEmpty && eligible.Length != count)
            throw new UsageException($"{eligible.Length} marks of eligibility for {count} candidates: one each, or none at all, is needed.");
        var indices = new List<int>(count);
        for (int c = 0; c < count; c++)
        {
            if (eligible.IsEmpty || eligible[c])
                indices.Add(c);
        }

        return indices.Count > 0 ? [.. indices] : throw NoneEligible(count);
    }

    private static UsageException NoneEligible(int count) =>
        new($"None of {count} candidates may be chosen.", "Draw more candidates, or ask for less confidence.");

    private ClassSelection Run(ILatentSource data, int classIndex, SelectionOptions options, Candidates candidates, float[] centroids, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        int dimension = data.Shape.Length;
        if (options.Objective == SelectionObjective.Nearest != centroids.Length > 0)
            throw new UsageException($"{SelectionObjective.Nearest} needs centres, and no other objective takes any; {centroids.Length / dimension} were given for {options.Objective}.");
        if (centroids.Length > 0 && centroids.Length != (long)options.Count * dimension)
            throw new UsageException($"{centroids.Length} values are not {options.Count} centres of {dimension}.");
        ConcurrentBag<Worker> idle = _idle.GetOrAdd(data.ElementType, static _ => []);
        if (!idle.TryTake(out Worker? worker))
            worker = new Worker(_kernels.ForRows(data.ElementType));
        try
        {
            return worker.Run(data, classIndex, options, candidates, centroids, cancellation);
        }
        finally
        {
            idle.Add(worker);
        }
    }

    /// <summary>Candidates that may be chosen: their indices (null: all rows), and their values where they are no rows.</summary>
    private readonly record struct Candidates(int[]? Indices, float[]? Values);

    /// <summary>The working space of one thread.</summary>
    private sealed class Worker(LatentKernels kernels) : IDisposable
    {
        private readonly LoadedRows _rows = new(kernels);
        private readonly SelectionProblem _problem = new(kernels);

        public ClassSelection Run(ILatentSource data, int classIndex, SelectionOptions options, Candidates candidates, float[] centroids, CancellationToken cancellation)
        {
            long start = Stopwatch.GetTimestamp();
            int dimension = data.Shape.Length;
            return _rows.With(
                data,
                classIndex,
                () =>
                {
                    int[] indices = Load(classIndex, options, candidates);
                    var chosen = new int[Math.Min(options.Count, indices.Length)];
                    double[] means = [.. Enumerable.Range(0, indices.Length).Select(_problem.MeanDistance)];
                    (double objective, int swaps) = Search(classIndex, options, chosen, means, centroids, cancellation);
                    var points = new float[chosen.Length * dimension];
                    for (int k = 0; k < chosen.Length; k++)
                        _problem.CopyCandidate(chosen[k], points.AsSpan(k * dimension, dimension));
                    return new ClassSelection
                    {
                        ClassIndex = classIndex,
                        RequestedCount = options.Count,
                        EligibleCount = candidates.Indices?.Length ?? indices.Length,
                        Chosen = Array.ConvertAll(chosen, c => indices[c]),
                        Masses = PointMasses.Measure(data, classIndex, points, cancellation),
                        Objective = objective,
                        EnergyDistance = options.MeasureEnergyDistance ? EnergyDistance(data, classIndex, options, chosen, means, points, cancellation) : null,
                        SwapCount = swaps,
                        Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                    };
                },
                cancellation);
        }

        public void Dispose()
        {
            _rows.Dispose();
            _problem.Dispose();
        }

        // Fills the problem; returns the index among all of each candidate in it.
        private int[] Load(int classIndex, SelectionOptions options, Candidates candidates)
        {
            var sample = new CounterRandom(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.SelectionSample, 0));
            var pool = new CounterRandom(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.SelectionSample, 1));
            if (candidates.Values is { } values)
            {
                if (_rows.Used.Count > LargestSearch)
                    _rows.Sample(LargestSearch, sample);
                int[] indices = candidates.Indices!;
                if (indices.Length > LargestSearch)
                {
                    int dimension = values.Length / indices.Length;
                    int[] kept = Draw(indices.Length, pool);
                    values = [.. kept.SelectMany(c => values.AsSpan(c * dimension, dimension).ToArray())];
                    indices = Array.ConvertAll(kept, c => candidates.Indices![c]);
                }

                _problem.Load(_rows, values);
                return indices;
            }

            if (candidates.Indices is null && _rows.Used.Count <= LargestSearch)
            {
                _problem.Load(_rows);
                return [.. Enumerable.Range(0, _rows.Used.Count).Select(_rows.Index)];
            }

            // Rows that may not all be chosen, or that are too many, become candidates by their values.
            var eligible = candidates.Indices?.ToHashSet();
            int[] used = [.. Enumerable.Range(0, _rows.Used.Count).Where(row => eligible?.Contains(_rows.Index(row)) != false)];
            if (used.Length == 0)
                throw NoneEligible(candidates.Indices!.Length);
            if (used.Length > LargestSearch)
                used = Array.ConvertAll(Draw(used.Length, pool), row => used[row]);
            int[] chosenFrom = Array.ConvertAll(used, _rows.Index);
            float[] copied = _rows.Values(used);
            if (_rows.Used.Count > LargestSearch)
                _rows.Sample(LargestSearch, sample);
            _problem.Load(_rows, copied);
            return chosenFrom;
        }

        private static int[] Draw(int count, CounterRandom random)
        {
            var drawn = new int[LargestSearch];
            GreedyChoices.Draw(count, drawn, random);
            Array.Sort(drawn);
            return drawn;
        }

        private (double Objective, int Swaps) Search(int classIndex, SelectionOptions options, int[] chosen, double[] means, float[] centroids, CancellationToken cancellation)
        {
            if (options.Objective == SelectionObjective.Nearest)
                return (AssignCentroids(chosen, centroids), 0);
            double objective = 0;
            int swaps = 0;
            switch (options.Objective)
            {
                case SelectionObjective.Herding:
                    objective = GreedyChoices.Herd(_problem, chosen);
                    break;
                case SelectionObjective.KCenter:
                    objective = GreedyChoices.Spread(_problem, chosen, DrawFirst(classIndex, options));
                    break;
                case SelectionObjective.Random:
                    GreedyChoices.Draw(_problem.CandidateCount, chosen, new(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.Selection, 0)));
                    break;
                default:
                    (objective, swaps) = SearchFromStarts(classIndex, options, chosen, means, cancellation);
                    break;
            }

            Array.Sort(chosen);
            return (objective, swaps);
        }

        // What is chosen greedily depends on this one, so that sets of several seeds differ.
        private int DrawFirst(int classIndex, SelectionOptions options) =>
            new CounterRandom(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.Selection, 0)).NextInt32(_problem.CandidateCount);

        private (double Objective, int Swaps) SearchFromStarts(int classIndex, SelectionOptions options, int[] chosen, double[] means, CancellationToken cancellation)
        {
            double lowest = double.PositiveInfinity;
            int swapsOfLowest = 0;
            var trial = new int[chosen.Length];
            int first = DrawFirst(classIndex, options);
            for (int start = 0; start < options.Starts; start++)
            {
                if (start > 0)
                    GreedyChoices.Draw(_problem.CandidateCount, trial, new(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.Selection, start)));
                (double objective, int swaps) = options.Objective == SelectionObjective.Energy
                    ? EnergySearch.Run(_problem, means, trial, start == 0 ? first : null, options.MaxSweeps, cancellation)
                    : MedoidSearch.Run(_problem, trial, start == 0 ? first : null, options.MaxSweeps, cancellation);
                if (objective >= lowest)
                    continue;
                (lowest, swapsOfLowest) = (objective, swaps);
                trial.CopyTo(chosen, 0);
            }

            return (lowest, swapsOfLowest);
        }

        private double AssignCentroids(int[] chosen, float[] centroids)
        {
            double[] costs = _problem.ToCentroids(centroids);
            int places = centroids.Length / _rows.Used.Dimension, count = _problem.CandidateCount;
            double sum = 0;
            if (places > count)
            {
                for (int c = 0; c < count; c++)
                    chosen[c] = c;
                return 0;
            }

            int[] taken = Assignment.Solve(costs, places, count);
            for (int k = 0; k < places; k++)
                sum += costs[(k * count) + taken[k]];
            taken.CopyTo(chosen, 0);
            return sum;
        }

        private double EnergyDistance(ILatentSource data, int classIndex, SelectionOptions options, int[] chosen, double[] means, float[] points, CancellationToken cancellation)
        {
            if (_problem.MeanRowDistance() is not { } own)
                return EnergyTerms.Measure(data, classIndex, points, default, options.Seed, cancellation).Distance;
            double toRows = 0, between = 0;
            foreach (int s in chosen)
            {
                toRows += means[s];
                foreach (int other in chosen)
                    between += _problem.Distance(s, other);
            }

            return (2 * toRows / chosen.Length) - own - (between / ((double)chosen.Length * chosen.Length));
        }
    }
}
