using System.Collections.Concurrent;
using System.Numerics.Tensors;

namespace Ddoq.Onnx.Sessions;

/// <summary>A network from rows to rows: encoder, decoder and teacher.</summary>
/// <remarks>
/// Safe for concurrent callers. Batches are always full (short ones are padded), so what a row gives does not depend on how
/// many rows come with it, nor on the number of threads. An output that is not finite is an error that names its row.
/// </remarks>
public abstract class BatchedNetwork : IDisposable
{
    private readonly OnnxSession _session;
    private readonly NetworkTensors _tensors;
    private readonly LanePool<Lane> _lanes;

    private protected BatchedNetwork(OnnxSession session, NetworkTensors tensors, OnnxSessionOptions options, int imageSize, long largestSmallImage)
    {
        _session = session;
        _tensors = tensors;
        BatchSize = tensors.Input.Dimensions[0] ?? (options.BatchSize > 0 ? options.BatchSize : session.ChooseBatchSize((long)imageSize * imageSize, largestSmallImage));
        _lanes = new LanePool<Lane>(() => new Lane(this));
    }

    /// <summary>Rows per call of the network.</summary>
    public int BatchSize { get; }

    /// <summary>Batches worth having in flight at once.</summary>
    public int LaneCount => _session.LaneCount;

    /// <summary>Provider, device and threads in words.</summary>
    public string Description => _session.Description;

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => _session.Signature;

    private protected string Path => _session.Path;

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _session.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs the network on rows, whose spans the caller has checked.</summary>
    /// <param name="inputs">[n, inputLength].</param>
    /// <param name="extras">[n, outputLength] that <see cref="Finish"/> takes beside the network's output; may be empty.</param>
    /// <param name="outputs">Receives [n, outputLength].</param>
    /// <param name="count">n.</param>
    /// <param name="inputLength">Values of a row that <see cref="Prepare"/> takes.</param>
    /// <param name="outputLength">Values of a row that <see cref="Finish"/> gives.</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    private protected unsafe void Run(
        ReadOnlySpan<float> inputs, ReadOnlySpan<float> extras, Span<float> outputs, int count, int inputLength, int outputLength, Func<int, string>? nameOf, CancellationToken cancellation)
    {
        bool hasExtras = !extras.IsEmpty;
        fixed (float* inputsPin = inputs, extrasPin = extras, outputsPin = outputs)
        {
            float* source = inputsPin, beside = extrasPin, destination = outputsPin;
            BatchLoop.Run(count, BatchSize, _session.LaneCount, _lanes, (lane, first, rows) =>
            {
                for (int row = 0; row < rows; row++)
                    Prepare(new ReadOnlySpan<float>(source + ((long)(first + row) * inputLength), inputLength), lane.Input(row));
                lane.Run(rows);
                for (int row = 0; row < rows; row++)
                {
                    long offset = (long)(first + row) * outputLength;
                    var output = new Span<float>(destination + offset, outputLength);
                    Finish(lane.Output(row), hasExtras ? new ReadOnlySpan<float>(beside + offset, outputLength) : [], output);
                    if (!TensorPrimitives.IsFiniteAll<float>(output))
                        throw NotFinite(output, nameOf?.Invoke(first + row) ?? $"row {first + row}");
                }
            }, cancellation);
        }
    }

    /// <summary>Makes a row of the network's input.</summary>
    private protected abstract void Prepare(ReadOnlySpan<float> row, Span<float> input);

    /// <summary>Makes a row of the result out of the network's output.</summary>
    private protected virtual void Finish(ReadOnlySpan<float> raw, ReadOnlySpan<float> extra, Span<float> output) => raw.CopyTo(output);

    private DdoqException NotFinite(ReadOnlySpan<float> output, string name)
    {
        int at = 0;
        while (float.IsFinite(output[at]))
            at++;
        return new DdoqException(
            $"{Path} gives {(float.IsNaN(output[at]) ? "NaN" : "infinity")} for {name}",
            "the network computes with too small a range of numbers, or is damaged: export it in float32, and check it with: ddoq doctor --model DIR");
    }

    private sealed class Lane : IDisposable
    {
        private readonly TensorBuffer _input;
        private readonly TensorBuffer _output;
        private readonly BoundCall _call;
        private readonly int _inputLength;
        private readonly int _outputLength;

        public Lane(BatchedNetwork owner)
        {
            NetworkTensors tensors = owner._tensors;
            _input = new TensorBuffer(tensors.Input, [owner.BatchSize, .. tensors.InputShape]);
            _output = new TensorBuffer(tensors.Output, [owner.BatchSize, .. tensors.OutputShape]);
            _inputLength = _input.Floats.Length / owner.BatchSize;
            _outputLength = _output.Floats.Length / owner.BatchSize;
            _call = new BoundCall(owner._session, [_input], [_output]);
        }

        public Span<float> Input(int row) => _input.Floats.Slice(row * _inputLength, _inputLength);

        public ReadOnlySpan<float> Output(int row) => _output.Floats.Slice(row * _outputLength, _outputLength);

        public void Run(int rows)
        {
            _input.Floats[(rows * _inputLength)..].Clear();
            _call.Run();
        }

        public void Dispose() => _call.Dispose();
    }
}

/// <summary>Input and output of a network with one of each, with their shapes behind the rows.</summary>
internal sealed record NetworkTensors(TensorSignature Input, long[] InputShape, TensorSignature Output, long[] OutputShape)
{
    /// <summary>What a network that takes images must offer.</summary>
    public static TensorContract Images(string[] names, int? size) => new(names, TensorContract.Floats, new("b"), new("3", 3), new("H", size), new("W", size));

    /// <summary>What a network that takes or gives latents must offer.</summary>
    public static TensorContract Latents(string name, Ddoq.Latents.LatentShape shape, int perChannel = 1) =>
        new([name], TensorContract.Floats, new("b"), new(perChannel == 1 ? "c" : "2c", perChannel * shape.Channels), new("h", shape.Height), new("w", shape.Width));
}

/// <summary>Runs a body over rows in batches whose borders do not depend on the number of threads.</summary>
internal static class BatchLoop
{
    /// <summary>Calls <c>body(lane, firstRow, rows)</c> for every batch, several at once.</summary>
    /// <typeparam name="TLane">Buffers and bindings of one batch in flight.</typeparam>
    /// <param name="count">Rows.</param>
    /// <param name="batchSize">Rows per batch; the last may have fewer.</param>
    /// <param name="lanes">Batches in flight at most.</param>
    /// <param name="pool">Where lanes come from.</param>
    /// <param name="body">The work.</param>
    /// <param name="cancellation">Looked at before each batch.</param>
    public static void Run<TLane>(int count, int batchSize, int lanes, LanePool<TLane> pool, Action<TLane, int, int> body, CancellationToken cancellation)
        where TLane : class, IDisposable
    {
        int batches = (count + batchSize - 1) / batchSize;
        void One(int batch)
        {
            TLane lane = pool.Rent();
            try
            {
                body(lane, batch * batchSize, Math.Min(batchSize, count - (batch * batchSize)));
            }
            catch
            {
                // Its state is unknown, so it is not used again.
                lane.Dispose();
                throw;
            }

            pool.Return(lane);
        }

        WorkerLoop.Run(batches, lanes, One, cancellation);
    }
}

/// <summary>Lanes (buffers and bindings of one batch in flight) that are made when needed and used again.</summary>
internal sealed class LanePool<TLane>(Func<TLane> create) : IDisposable
    where TLane : class, IDisposable
{
    private readonly ConcurrentBag<TLane> _free = [];

    public TLane Rent() => _free.TryTake(out TLane? lane) ? lane : create();

    public void Return(TLane lane) => _free.Add(lane);

    public void Dispose()
    {
        while (_free.TryTake(out TLane? lane))
            lane.Dispose();
    }
}

/// <summary>Checks that spans of rows are long enough.</summary>
internal static class RowSpans
{
    /// <exception cref="ArgumentException">The span is shorter than its rows.</exception>
    public static void Check(string name, int length, int count, int rowLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (length < (long)count * rowLength)
            throw new ArgumentException($"{name} holds {length} values; {count} rows of {rowLength} are {(long)count * rowLength}", name);
    }
}
