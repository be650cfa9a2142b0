namespace Ddoq.Pipeline;

/// <summary>One worker's scratch for a decoded image.</summary>
internal sealed class PixelBuffer(int length) : IDisposable
{
    public byte[] Bytes { get; } = new byte[length];

    public void Dispose()
    {
    }
}
