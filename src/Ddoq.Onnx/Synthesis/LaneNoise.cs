using Ddoq.Numerics;

namespace Ddoq.Onnx.Synthesis;

/// <summary>The noise of one batch in flight: every row draws from its own stream, in the order of the calls.</summary>
internal sealed class LaneNoise(ulong seed, int batchSize, int length)
{
    private readonly CounterRandom[] _random = new CounterRandom[batchSize];
    private int _rows;

    /// <summary>Starts the streams of a batch's rows.</summary>
    public void Begin(ReadOnlySpan<ulong> streams)
    {
        _rows = streams.Length;
        for (int row = 0; row < _rows; row++)
            _random[row] = new CounterRandom(seed, streams[row]);
    }

    /// <summary>Draws for every row; the rows that fill up a short batch keep what they hold.</summary>
    public void Draw(Span<float> noise)
    {
        for (int row = 0; row < _rows; row++)
            _random[row].FillGaussian(noise.Slice(row * length, length));
    }
}
