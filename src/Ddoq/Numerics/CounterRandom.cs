using System.Runtime.CompilerServices;

namespace Ddoq.Numerics;

/// <summary>Philox4x32-10: random numbers as a pure function of (seed, stream, counter).</summary>
/// <remarks>
/// Every consumer owns a stream named by what it draws for, for example <c>(class, step)</c>, so results do not depend
/// on the order of work or on the number of threads. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
/// easy as 1, 2, 3" (SC 2011). The struct is a cursor over one stream; copying it copies the position.
/// </remarks>
public struct CounterRandom
{
    private const uint MultiplierA = 0xD2511F53;
    private const uint MultiplierB = 0xCD9E8D57;
    private const uint WeylA = 0x9E3779B9;
    private const uint WeylB = 0xBB67AE85;

    private readonly ulong _seed;
    private readonly ulong _stream;
    private ulong _block;
    private UInt128 _words;
    private int _used;
    private double _spareGaussian;
    private bool _hasSpare;

    /// <summary>Opens a stream at its first number.</summary>
    /// <param name="seed">The run's one seed.</param>
    /// <param name="stream">What the numbers are for; see <see cref="Stream(uint, uint)"/>.</param>
    public CounterRandom(ulong seed, ulong stream)
    {
        _seed = seed;
        _stream = stream;
        _used = 4;
    }

    /// <summary>Names a stream by two 32-bit parts, for example class and step.</summary>
    public static ulong Stream(uint major, uint minor) => ((ulong)major << 32) | minor;

    /// <summary>The four 32-bit words of one counter value (Philox4x32-10).</summary>
    public static (uint X, uint Y, uint Z, uint W) Block(ulong seed, ulong stream, ulong counter)
    {
        uint c0 = (uint)counter, c1 = (uint)(counter >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)MultiplierA * c0;
            ulong p1 = (ulong)MultiplierB * c2;
            uint n0 = (uint)(p1 >> 32) ^ c1 ^ k0;
            uint n2 = (uint)(p0 >> 32) ^ c3 ^ k1;
            c1 = (uint)p1;
            c3 = (uint)p0;
            c0 = n0;
            c2 = n2;
            k0 += WeylA;
            k1 += WeylB;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>A uniform 32-bit integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint NextUInt32()
    {
        if (_used == 4)
        {
            (uint x, uint y, uint z, uint w) = Block(_seed, _stream, _block++);
            _words = new UInt128(((ulong)w << 32) | z, ((ulong)y << 32) | x);
            _used = 0;
        }

        uint value = (uint)(_words >> (32 * _used));
        _used++;
        return value;
    }

    /// <summary>Moves on by whole blocks of four words, at the cost of one.</summary>
    public void Skip(ulong blocks)
    {
        _block += blocks;
        _used = 4;
    }

    /// <summary>A uniform number in [0, 1) with 53 random bits.</summary>
    public double NextDouble()
    {
        ulong high = NextUInt32() >> 5;
        ulong low = NextUInt32() >> 6;
        return ((high << 26) | low) * (1.0 / (1UL << 53));
    }

    /// <summary>A uniform integer in [0, <paramref name="exclusiveUpper"/>), without modulo bias.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exclusiveUpper"/> is not positive.</exception>
    public int NextInt32(int exclusiveUpper)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(exclusiveUpper);
        uint range = (uint)exclusiveUpper;
        uint threshold = unchecked((uint)-(int)range) % range;
        while (true)
        {
            ulong product = (ulong)NextUInt32() * range;
            if ((uint)product >= threshold)
                return (int)(product >> 32);
        }
    }

    /// <summary>A standard normal number (Box-Muller; the second of each pair is kept for the next call).</summary>
    public double NextGaussian()
    {
        if (_hasSpare)
        {
            _hasSpare = false;
            return _spareGaussian;
        }

        double radius = Math.Sqrt(-2.0 * Math.Log(1.0 - NextDouble()));
        (double sin, double cos) = Math.SinCos(2.0 * Math.PI * NextDouble());
        _spareGaussian = radius * sin;
        _hasSpare = true;
        return radius * cos;
    }

    /// <summary>Fills a span with standard normal numbers.</summary>
    public void FillGaussian(Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (float)NextGaussian();
    }

    /// <summary>Shuffles a span in place (Fisher-Yates).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
