namespace Ddoq.Imaging;

/// <summary>For each output position of a one-dimensional resize: which inputs it mixes, with which weights.</summary>
/// <remarks>
/// Output x looks at input (x + 1/2) s with s = input / output length. The filter is stretched by max(s, 1), its samples are
/// normalised to sum 1 and rounded (half away from zero) to 22 fractional bits: with 8-bit pixels and weights that sum to 1, 32-bit
/// accumulators do not overflow. This is the arithmetic of Pillow's Resample.c, which the tests hold it to.
/// </remarks>
internal sealed class ResampleWeights
{
    /// <summary>Fractional bits of a weight: 32, less 8 for the pixel, less 2 for the overshoot of the filters.</summary>
    public const int FractionBits = 32 - 8 - 2;

    /// <summary>Bits of the lower part when a weight is split for 16-bit arithmetic; the upper one has 12 with its sign.</summary>
    public const int LowBits = 11;

    private readonly int[] _starts;
    private readonly int[] _counts;
    private readonly int[] _weights;
    private readonly int _stride;
    private short[] _high = [];
    private short[] _low = [];

    private ResampleWeights(int count, int stride)
    {
        _starts = new int[count];
        _counts = new int[count];
        _weights = new int[count * stride];
        _stride = stride;
    }

    /// <summary>Groups of four taps, filled up with weights of zero, that hold the taps of any output; 0 unless weights are split.</summary>
    public int Groups { get; private set; }

    /// <summary>The number of output positions.</summary>
    public int Count => _starts.Length;

    /// <summary>The first input any output uses.</summary>
    public int FirstInput => _starts[0];

    /// <summary>One past the last input any output uses.</summary>
    public int EndInput => _starts[^1] + _counts[^1];

    /// <summary>Computes the weights for outputs <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> - 1.</summary>
    public static ResampleWeights Create(ImageInterpolation interpolation, int inputLength, int outputLength, int first, int count)
    {
        double scale = (double)inputLength / outputLength;
        if (interpolation == ImageInterpolation.Nearest || inputLength == outputLength)
            return Copies(scale, first, count);

        double stretch = Math.Max(scale, 1.0);
        double support = Support(interpolation) * stretch;
        var weights = new ResampleWeights(count, 2 * (int)Math.Ceiling(support) + 1);
        var samples = new double[weights._stride];
        for (int i = 0; i < count; i++)
        {
            double centre = (first + i + 0.5) * scale;
            int start = Math.Max(0, (int)(centre - support + 0.5));
            int taps = Math.Min(inputLength, (int)(centre + support + 0.5)) - start;
            double sum = 0;
            for (int tap = 0; tap < taps; tap++)
                sum += samples[tap] = Filter(interpolation, (tap + start - centre + 0.5) * (1.0 / stretch));

            weights._starts[i] = start;
            weights._counts[i] = taps;
            for (int tap = 0; tap < taps; tap++)
            {
                double weight = samples[tap] / sum * (1 << FractionBits);
                weights._weights[i * weights._stride + tap] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }
        }

        return weights;
    }

    /// <summary>The first input and the weights of output <paramref name="i"/>, counted from the first wanted one.</summary>
    public ReadOnlySpan<int> Of(int i, out int start)
    {
        start = _starts[i];
        return _weights.AsSpan(i * _stride, _counts[i]);
    }

    /// <summary>The first input of output <paramref name="i"/>.</summary>
    public int StartOf(int i) => _starts[i];

    /// <summary>The upper parts h of the weights w = 2^11 h + l of output <paramref name="i"/>, 4 x <see cref="Groups"/> of them.</summary>
    public ReadOnlySpan<short> HighOf(int i) => _high.AsSpan(4 * Groups * i, 4 * Groups);

    /// <summary>The lower parts l, 0 to 2^11 - 1.</summary>
    public ReadOnlySpan<short> LowOf(int i) => _low.AsSpan(4 * Groups * i, 4 * Groups);

    /// <summary>Splits the weights, for <see cref="ResamplerAvx2"/>.</summary>
    public void Split()
    {
        Groups = (_counts.Max() + 3) / 4;
        _high = new short[4 * Groups * Count];
        _low = new short[_high.Length];
        for (int i = 0; i < Count; i++)
        {
            for (int tap = 0; tap < _counts[i]; tap++)
            {
                int weight = _weights[i * _stride + tap];
                _high[4 * Groups * i + tap] = (short)(weight >> LowBits);
                _low[4 * Groups * i + tap] = (short)(weight & ((1 << LowBits) - 1));
            }
        }
    }

    private static ResampleWeights Copies(double scale, int first, int count)
    {
        var weights = new ResampleWeights(count, 1);

        // Summed, not multiplied: where a position falls between two inputs, Pillow's rounding decides.
        double position = 0.5 * scale;
        for (int output = 0; output < first + count; output++, position += scale)
        {
            if (output < first)
                continue;
            weights._starts[output - first] = (int)position;
            weights._counts[output - first] = 1;
            weights._weights[output - first] = 1 << FractionBits;
        }

        return weights;
    }

    private static double Support(ImageInterpolation interpolation) => interpolation switch
    {
        ImageInterpolation.Bilinear => 1,
        ImageInterpolation.Bicubic => 2,
        ImageInterpolation.Lanczos => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(interpolation), interpolation, "not a filter"),
    };

    private static double Filter(ImageInterpolation interpolation, double x)
    {
        double distance = Math.Abs(x);
        return interpolation switch
        {
            ImageInterpolation.Bilinear => Math.Max(0, 1 - distance),
            ImageInterpolation.Bicubic => Cubic(distance),
            _ => distance < 3 ? Sinc(x) * Sinc(x / 3) : 0,
        };
    }

    // Keys (1981), eq. 4, with a = -1/2.
    private static double Cubic(double x)
    {
        const double A = -0.5;
        return x switch
        {
            < 1 => ((A + 2) * x - (A + 3)) * x * x + 1,
            < 2 => (((x - 5) * x + 8) * x - 4) * A,
            _ => 0,
        };
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);
}

/// <summary>A resize of which only a rectangle is wanted.</summary>
/// <param name="Resized">The size of the whole resized image.</param>
/// <param name="Left">First wanted column of it.</param>
/// <param name="Top">First wanted row of it.</param>
/// <param name="Wanted">The size of the rectangle.</param>
internal readonly record struct ResampleWindow(ImageSize Resized, int Left, int Top, ImageSize Wanted)
{
    /// <summary>The resize that a fit asks for.</summary>
    public static ResampleWindow Of(ImageFit fit, ImageSize source)
    {
        var target = new ImageSize(fit.Width, fit.Height);
        if (fit.Mode == FitMode.Resize)
            return new ResampleWindow(target, 0, 0, target);

        // The side that needs the larger scale meets the target exactly. The other one is truncated as in torchvision, but
        // never below the target.
        ImageSize resized = (long)target.Width * source.Height >= (long)target.Height * source.Width
            ? new(target.Width, Math.Max(target.Height, (int)((long)source.Height * target.Width / source.Width)))
            : new(Math.Max(target.Width, (int)((long)source.Width * target.Height / source.Height)), target.Height);
        return new ResampleWindow(resized, HalfToEven(resized.Width - target.Width), HalfToEven(resized.Height - target.Height), target);
    }

    // torchvision's CenterCrop rounds the offset as Python does, half to even.
    private static int HalfToEven(int margin) => (int)Math.Round(margin / 2.0, MidpointRounding.ToEven);
}
