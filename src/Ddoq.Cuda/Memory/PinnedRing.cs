using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Memory;

/// <summary>A few page-locked pieces through which any amount of data goes to the device, in turn.</summary>
/// <remarks>The host fills one piece while the device copies from the others; a piece is filled again when its copy is made.</remarks>
internal sealed unsafe class PinnedRing : IDisposable
{
    private readonly Piece[] _pieces;
    private int _next;

    /// <summary>Creates the pieces; their memory comes with the first use.</summary>
    public PinnedRing(int pieces)
    {
        _pieces = new Piece[pieces];
        try
        {
            for (int i = 0; i < pieces; i++)
                _pieces[i] = new Piece();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The next piece, with room for <paramref name="bytes"/>, when its last copy has been made.</summary>
    public Piece Take(long bytes)
    {
        Piece piece = _pieces[_next];
        _next = (_next + 1) % _pieces.Length;
        piece.Prepare(bytes);
        return piece;
    }

    /// <summary>Gives the memory back; no copy is under way.</summary>
    public void Free()
    {
        foreach (Piece piece in _pieces)
            piece.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Piece? piece in _pieces)
            piece?.Dispose();
    }

    /// <summary>One piece.</summary>
    public sealed class Piece : IDisposable
    {
        private readonly PinnedBuffer<byte> _memory = new();
        private readonly EventHandle _copied;
        private bool _inUse;

        /// <summary>Creates an empty piece.</summary>
        public Piece()
        {
            try
            {
                _copied = new EventHandle();
            }
            catch
            {
                _memory.Dispose();
                throw;
            }
        }

        /// <summary>Its memory.</summary>
        public byte* Pointer => _memory.Pointer;

        /// <summary>Says that copies from it are on a stream up to here.</summary>
        public void Submitted(StreamHandle stream)
        {
            _inUse = true;
            _copied.Record(stream);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            _copied.Dispose();
            _memory.Dispose();
        }

        internal void Prepare(long bytes)
        {
            if (_inUse)
                _copied.Synchronize();
            _inUse = false;
            _memory.Reserve(bytes);
        }

        internal void Free()
        {
            _inUse = false;
            _memory.Free();
        }
    }
}
