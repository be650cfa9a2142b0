namespace Ddoq.Quantization.Algorithms;

/// <summary>Anderson's mixture: of the last few steps of a fixed-point iteration, the affine combination that is shortest.</summary>
/// <remarks>
/// With steps <c>f_i = g(x_i) - x_i</c> the factors minimise <c>|sum a_i f_i|^2</c> under <c>sum a_i = 1</c>, and the next point
/// is <c>sum a_i g(x_i)</c>. Source: D. G. Anderson, "Iterative procedures for nonlinear integral equations" (1965). Holds
/// inner products only; the steps themselves stay with the caller, at numbered places.
/// </remarks>
internal sealed class AndersonMixture(int places)
{
    // Steps become nearly dependent towards the end. This fraction of their mean square keeps the factors' sizes below about 150,
    // so that fp32 positions lose two or three digits at most; convergence is that of 1e-10.
    private const double Regularisation = 1e-5;

    private readonly double[] _products = new double[places * places];
    private readonly bool[] _isUsed = new bool[places];
    private readonly double[] _matrix = new double[places * (places + 1)];
    private readonly double[] _factors = new double[places];
    private readonly int[] _used = new int[places];
    private int _newest = -1;

    /// <summary>Where the next step goes.</summary>
    public int NextPlace => (_newest + 1) % places;

    /// <summary>Where the newest step is.</summary>
    public int NewestPlace => _newest;

    /// <summary>Forgets all steps.</summary>
    public void Clear()
    {
        Array.Clear(_isUsed);
        _newest = -1;
    }

    /// <summary>Forgets all steps but the newest.</summary>
    public void KeepNewest()
    {
        Array.Clear(_isUsed);
        _isUsed[_newest] = true;
    }

    /// <summary>Takes up the step at <see cref="NextPlace"/>.</summary>
    /// <param name="product">Inner product of the steps at two places.</param>
    /// <returns>A factor per place, 0 for unused ones; empty while there is but one step, or when no combination is sound.</returns>
    public ReadOnlySpan<double> Add(Func<int, int, double> product)
    {
        _newest = NextPlace;
        _isUsed[_newest] = true;
        int count = 0;
        double trace = 0;
        for (int i = 0; i < places; i++)
        {
            if (!_isUsed[i])
                continue;
            _products[(_newest * places) + i] = _products[(i * places) + _newest] = product(_newest, i);
            trace += _products[(i * places) + i];
            _used[count++] = i;
        }

        return count > 1 && Solve(count, Regularisation * trace / count) ? _factors : default;
    }

    // (F^T F + r I) a = 1 by elimination with pivots, then a / sum a.
    private bool Solve(int count, double regularisation)
    {
        int width = count + 1;
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
                _matrix[(i * width) + j] = _products[(_used[i] * places) + _used[j]] + (i == j ? regularisation : 0);
            _matrix[(i * width) + count] = 1;
        }

        for (int column = 0; column < count; column++)
        {
            int pivot = column;
            for (int i = column + 1; i < count; i++)
            {
                if (Math.Abs(_matrix[(i * width) + column]) > Math.Abs(_matrix[(pivot * width) + column]))
                    pivot = i;
            }

            for (int j = 0; j < width; j++)
                (_matrix[(column * width) + j], _matrix[(pivot * width) + j]) = (_matrix[(pivot * width) + j], _matrix[(column * width) + j]);
            double divisor = _matrix[(column * width) + column];
            for (int i = column + 1; i < count; i++)
            {
                double factor = _matrix[(i * width) + column] / divisor;
                for (int j = column; j < width; j++)
                    _matrix[(i * width) + j] -= factor * _matrix[(column * width) + j];
            }
        }

        double sum = 0;
        Array.Clear(_factors);
        for (int i = count - 1; i >= 0; i--)
        {
            double value = _matrix[(i * width) + count];
            for (int j = i + 1; j < count; j++)
                value -= _matrix[(i * width) + j] * _factors[_used[j]];
            _factors[_used[i]] = value / _matrix[(i * width) + i];
            sum += _factors[_used[i]];
        }

        for (int i = 0; i < places; i++)
            _factors[i] /= sum;
        return double.IsFinite(sum) && sum != 0 && Array.TrueForAll(_factors, double.IsFinite);
    }
}
