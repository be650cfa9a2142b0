using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization.Algorithms;

/// <summary>Support points: the K points of equal weight with the least energy distance to the rows of a class.</summary>
/// <remarks>
/// With masses w_m of the rows, W their sum, <c>A_km = w_m / |x_k - y_m|</c> and <c>B_kl = 1 / |x_k - x_l|</c> a round is
/// <c>x_k &lt;- (sum_m A_km y_m + W/K sum_l B_kl (x_k - x_l)) / sum_m A_km</c>: the minimum of a majorant of
/// <c>2/(K W) sum_k sum_m w_m |x_k - y_m| - 1/K^2 sum_k sum_l |x_k - x_l|</c>, so this energy never rises. Source: S. Mak and
/// V. R. Joseph, "Support points" (Annals of Statistics, 2018). Distances d below a floor f count as <c>(d^2 / f + f) / 2</c> in
/// both sums, which keeps the descent where points meet rows or each other.
/// <para>
/// Rounds alone are slow: each is followed by Anderson's mixture of the last <see cref="History"/> of them (the
/// affine combination whose combined step is shortest), taken where its energy is lower and dropped for the round's own
/// step, stretched, otherwise. A sixth of the rounds or less then reach the same energy.
/// </para>
/// <para>
/// A class of more than <see cref="MostRows"/> rows in direct space is worked on through a random sample of them, then through
/// <see cref="FreshSamples"/> fresh samples of a quarter of that size, one a round, each moving the points by <c>1 / (t + 2)</c>
/// of its step: what the first sample alone had favoured averages out.
/// </para>
/// </remarks>
internal sealed unsafe class SupportIteration(LatentKernels kernels) : IDisposable
{
    /// <summary>Rows of a class that rounds in direct space work on as a whole.</summary>
    public const int MostRows = 8192;

    /// <summary>Positions that a space keeps: the points, and image and step of every round in the history.</summary>
    public const int Slots = 1 + (2 * History);

    /// <summary>Rounds after which a run may be expected to stop, for the cost model.</summary>
    public const int ExpectedRounds = 60;

    private const int History = 4;
    private const int FreshSamples = 24;

    // A step of the round may be stretched below 2 without raising the majorant: plain steps are short.
    private const float Stretch = 1.9f;

    // The energy distance of K random rows is the mean distance of two rows over K: a run ends when the rounds of a window
    // gain less than this fraction of it each, or after the rounds that this many multiply-adds in Gram space pay for, 64 in any
    // case. At N = 1300, D = 4096, K = 50 those take twice the time of the Gram matrix; as many again would lower the energy
    // distance by another 1 to 1.5 %.
    private const double LeastGain = 5e-6;
    private const int Window = 8;
    private const int FewestRounds = 64;
    private const long RoundWork = 1L << 31;

    // First points lie off their rows by this fraction of the way to another one: equal rows would tie points together, and the
    // distance to a point's own row would be rounding.
    private const float Nudge = 1f / 32;

    private readonly NativeBuffer<float> _squared = new();
    private readonly NativeBuffer<float> _shares = new();
    private readonly NativeBuffer<float> _ties = new();
    private readonly NativeBuffer<double> _norms = new();
    private readonly NativeBuffer<double> _pullSums = new();
    private readonly NativeBuffer<double> _pairs = new();
    private readonly AndersonMixture _mixture = new(History);
    private readonly ClassRows _sample = new();
    private readonly NativeBuffer<int> _order = new();
    private readonly GramSupportSpace _gram = new(kernels);
    private readonly DirectSupportSpace _direct = new(kernels);
    private SupportSpace _space = null!;
    private Func<int, int, double>? _stepProduct;
    private double _meanDistance;

    /// <summary>Bytes for a class, beside the rows and a Gram matrix.</summary>
    public static long Bytes(LatentKernels kernels, int rows, int points, int dimension, QuantizationSpace space)
    {
        int used = space == QuantizationSpace.Gram ? rows : Math.Min(rows, MostRows);
        long positions = space == QuantizationSpace.Gram
            ? GramSupportSpace.Bytes(kernels, rows, points, dimension, Slots)
            : DirectSupportSpace.Bytes(points, dimension, Slots);
        return positions + (2L * sizeof(float) * points * LatentKernels.Pad(used)) + (3L * sizeof(double) * points * LatentKernels.Pad(points));
    }

    /// <summary>Runs it on the rows of a space.</summary>
    /// <param name="context">The run; of its space, rows and Gram matrix are used.</param>
    /// <param name="rows">The rows of the class.</param>
    /// <returns>Rounds, and what they reached.</returns>
    public SupportOutcome Run(FitContext context, ClassRows rows)
    {
        int points = context.Space.CentroidCount;
        if (context.Space is GramSpace gram)
        {
            _gram.Reset(gram, Slots);
            _space = _gram;
        }
        else
        {
            _direct.Reset(rows.Count > MostRows ? Draw(context, rows, MostRows, 0) : rows, points, Slots);
            _space = _direct;
        }

        Prepare(points);
        Place(context);
        if (_space.ZeroDistance == 0 || (points == _space.Rows.Count && rows.Weights.IsEmpty && context.Options.Initialization != CentroidInitialization.Given))
        {
            // Equal rows, or as many points as rows: the first points are the rows, and nothing is nearer to them.
            for (int k = 0; k < points; k++)
                _space.Place(0, k, k, k, 0);
            return new(0, Measure(0), MeanDistance());
        }

        long rounds = Descend(context);
        if (_space.Rows.Count < rows.Count)
            rounds += Average(context, rows);
        _space.Refresh(0);
        return new(rounds, Measure(0), MeanDistance());
    }

    /// <summary>Writes the points of the last run (K x D).</summary>
    public void CopyCentroids(Span<float> destination) => _space.CopyCentroids(0, destination);

    /// <inheritdoc/>
    public void Dispose()
    {
        _squared.Dispose();
        _shares.Dispose();
        _ties.Dispose();
        _norms.Dispose();
        _pullSums.Dispose();
        _pairs.Dispose();
        _sample.Dispose();
        _order.Dispose();
        _gram.Dispose();
        _direct.Dispose();
    }

    private float Floor => MathF.Sqrt(_space.ZeroDistance);

    private void Prepare(int points)
    {
        _squared.Reserve((nint)points * _space.DistanceStride);
        _shares.Reserve((nint)points * _space.DistanceStride);
        _ties.ReserveZeroed((nint)points * LatentKernels.Pad(points));
        _norms.Reserve(points);
        _pullSums.Reserve(points);
        _pairs.Reserve((nint)points * points);
    }

    private void Place(FitContext context)
    {
        if (context.Options.Initialization == CentroidInitialization.Given)
        {
            _direct.Place(0, FirstCentroids.Given(context));
            return;
        }

        int count = _space.Rows.Count;
        Span<int> order = _order.Span(count);
        CounterRandom random = context.Random(RandomPurpose.Initialization);
        FirstCentroids.DrawRows(context, ref random, _space.Rows.Weights, order, _space.PointCount);
        for (int k = 0; k < _space.PointCount; k++)
            _space.Place(0, k, order[k], random.NextInt32(count), Nudge);
    }

    private long Descend(FitContext context)
    {
        double energy = Measure(0), least = Window * Math.Max(context.Options.Tolerance, LeastGain) * _meanDistance / _space.PointCount;
        long rounds = 0, limit = Math.Min(context.Options.MaxIterations, Math.Max(FewestRounds, RoundWork / ((long)_space.PointCount * _space.Rows.Count * _space.Rows.Count)));
        Span<double> before = stackalloc double[Window];
        before.Fill(double.PositiveInfinity);
        _mixture.Clear();
        _stepProduct ??= (a, b) => _space.Product(1 + History + a, 1 + History + b);
        while (rounds < limit)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            double reached = Move(energy);
            if (reached > energy)
            {
                // Impossible but for rounding, which is what is left to gain: the points before are the result.
                StepBack();
                break;
            }

            energy = reached;
            ref double earlier = ref before[(int)(rounds++ % Window)];
            if (earlier - energy < least)
                break;
            earlier = energy;
        }

        return rounds;
    }

    private void StepBack()
    {
        _space.Clear(0);
        _space.Add(0, 1, 1 + _mixture.NewestPlace);
        _space.Add(0, -1, 1 + History + _mixture.NewestPlace);
    }

    // A round and the mixture after it; returns the energy reached.
    private double Move(double energy)
    {
        int place = _mixture.NextPlace, image = 1 + place, step = 1 + History + place;
        Round(0, image);
        _space.Clear(step);
        _space.Add(step, 1, image);
        _space.Add(step, -1, 0);
        ReadOnlySpan<double> factors = _mixture.Add(_stepProduct!);
        if (!factors.IsEmpty)
        {
            _space.Clear(0);
            for (int i = 0; i < factors.Length; i++)
            {
                if (factors[i] != 0)
                    _space.Add(0, (float)factors[i], 1 + i);
            }

            double mixed = Measure(0);
            if (mixed < energy)
                return mixed;
            _mixture.KeepNewest();
        }

        _space.Clear(0);
        _space.Add(0, 1, image);
        _space.Add(0, Stretch - 1, step);
        return Measure(0);
    }

    private long Average(FitContext context, ClassRows rows)
    {
        int points = _space.PointCount;
        for (int t = 0; t < FreshSamples; t++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            _direct.Reset(Draw(context, rows, MostRows / 4, t + 1), points, Slots);
            Measure(0);
            Round(0, 1);
            float share = 1f / (t + 2);
            _space.Add(0, -share, 0);
            _space.Add(0, share, 1);
        }

        // Restarts compare on the same rows.
        _direct.Reset(Draw(context, rows, MostRows, 0), points, Slots);
        return FreshSamples;
    }

    // A sample of the rows without replacement, the same for all restarts; numbered draws do not depend on one another.
    private ClassRows Draw(FitContext context, ClassRows rows, int count, int number)
    {
        Span<int> order = _order.Span(rows.Count);
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        var random = new CounterRandom(context.Options.Seed, RandomStreams.Of(context.ClassIndex, RandomPurpose.Sampling, 0));
        random.Skip((ulong)number * (ulong)rows.Count);
        _sample.Reset(count, rows.Dimension, !rows.Weights.IsEmpty);
        for (int i = 0; i < count; i++)
        {
            int drawn = i + random.NextInt32(order.Length - i);
            (order[i], order[drawn]) = (order[drawn], order[i]);
            if (rows.Weights.IsEmpty)
                _sample.Add(rows[order[i]]);
            else
                _sample.Add(rows[order[i]], rows.Weights[order[i]]);
        }

        new ReadOnlySpan<float>(rows.Mean, rows.PaddedDimension).CopyTo(new Span<float>(_sample.Mean, rows.PaddedDimension));
        return _sample;
    }

    // Distances, pulls and energy of a position.
    private double Measure(int slot)
    {
        int points = _space.PointCount, stride = _space.DistanceStride;
        float floor = Floor;
        _space.Measure(slot, _squared.Pointer, _norms.Pointer);
        double toRows = 0;
        for (int k = 0; k < points; k++)
        {
            (double distances, double pulls) = kernels.Pull(_squared.Pointer + ((nint)k * stride), _space.Weights, floor, _shares.Pointer + ((nint)k * stride), stride);
            toRows += distances;
            _pullSums.Pointer[k] = pulls;
        }

        double between = 0;
        for (int k = 0; k < points; k++)
        {
            for (int l = k + 1; l < points; l++)
            {
                double squared = Math.Max(0, _norms.Pointer[k] + _norms.Pointer[l] - (2 * _space.Product(slot, k, l)));
                double distance = Math.Max(Math.Sqrt(squared), floor);
                _pairs.Pointer[(k * points) + l] = _pairs.Pointer[(l * points) + k] = 1 / distance;
                between += (squared / distance) + distance;
            }
        }

        _meanDistance = toRows / (points * _space.TotalWeight);
        return (2 * _meanDistance) - (between / ((double)points * points));
    }

    // One round from a measured position.
    private void Round(int from, int to)
    {
        int points = _space.PointCount, stride = _space.DistanceStride, tieStride = LatentKernels.Pad(points);
        double mass = _space.TotalWeight / points;
        for (int k = 0; k < points; k++)
        {
            double pulls = _pullSums.Pointer[k], own = 0;
            float* row = _shares.Pointer + ((nint)k * stride), ties = _ties.Pointer + ((nint)k * tieStride);
            kernels.Blend((float)(1 / pulls), 0, row, row, stride);
            for (int l = 0; l < points; l++)
            {
                if (l == k)
                    continue;
                double tie = mass * _pairs.Pointer[(k * points) + l] / pulls;
                ties[l] = (float)-tie;
                own += tie;
            }

            ties[k] = (float)own;
        }

        _space.Combine(from, to, _shares.Pointer, _ties.Pointer);
    }

    // Of the measured position, without the floor.
    private double MeanDistance()
    {
        double sum = 0;
        for (int k = 0; k < _space.PointCount; k++)
            sum += kernels.SumOfDistances(_squared.Pointer + ((nint)k * _space.DistanceStride), _space.Weights, _space.ZeroDistance, _space.DistanceStride);
        return sum / (_space.PointCount * _space.TotalWeight);
    }
}

/// <summary>What a run of <see cref="SupportIteration"/> reached.</summary>
/// <param name="Rounds">Rounds.</param>
/// <param name="Energy">The energy distance up to the rows' own part, which is the same for all runs on a class.</param>
/// <param name="MeanDistance">Mean distance of points and rows.</param>
internal readonly record struct SupportOutcome(long Rounds, double Energy, double MeanDistance);
