using System.Runtime.InteropServices;
using Ddoq.Onnx.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Bench.Synthesis;

/// <summary>
/// The baseline: ONNX Runtime's calls of diffusion network and decoder and nothing else, on the same shapes, with bound
/// buffers: what the stage would take if scheduler, guidance, noise and files cost nothing.
/// </summary>
internal sealed class BareCalls : IDisposable
{
    private readonly ModelFolder _model;
    private readonly SessionOptions _options;
    private readonly InferenceSession _network;
    private readonly InferenceSession _decoder;

    /// <summary>Loads the networks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="callThreads">Threads of one call.</param>
    public BareCalls(ModelFolder model, int callThreads)
    {
        _model = model;
        _options = new SessionOptions { IntraOpNumThreads = callThreads, InterOpNumThreads = 1 };
        _network = new InferenceSession(model.BackboneFile, _options);
        _decoder = new InferenceSession(model.DecoderFile, _options);
    }

    /// <summary>Runs the calls of that many batches.</summary>
    /// <param name="batches">Batches.</param>
    /// <param name="rows">Images per batch; the network sees twice as many rows, as guidance needs.</param>
    /// <param name="calls">Network calls per batch.</param>
    /// <param name="threads">Batches at once.</param>
    public void Run(int batches, int rows, int calls, int threads)
    {
        int next = -1;
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            using var run = new RunOptions();
            using OrtIoBinding network = Bind(_network, 2 * rows), decoder = Bind(_decoder, rows);
            while (Interlocked.Increment(ref next) < batches)
            {
                for (int call = 0; call < calls; call++)
                    _network.RunWithBinding(run, network);
                _decoder.RunWithBinding(run, decoder);
            }
        }))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
    }

    public void Dispose()
    {
        _network.Dispose();
        _decoder.Dispose();
        _options.Dispose();
    }

    private OrtIoBinding Bind(InferenceSession session, int rows)
    {
        OrtIoBinding binding = session.CreateIoBinding();
        foreach (string name in session.InputNames)
        {
            NodeMetadata input = session.InputMetadata[name];
            binding.BindInput(name, Tensor(input, rows, input.ElementDataType == TensorElementType.Int64 ? 5 : 0.1f));
        }

        foreach (string name in session.OutputNames)
            binding.BindOutput(name, Tensor(session.OutputMetadata[name], rows, 0));
        return binding;
    }

    private OrtValue Tensor(NodeMetadata metadata, int rows, float value)
    {
        long[] shape = [.. metadata.Dimensions.Select((size, i) => (long)(size > 0 ? size : i == 0 ? rows : _model.ImageSize))];
        OrtValue tensor = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, metadata.ElementDataType, shape);
        if (metadata.ElementDataType == TensorElementType.Int64)
            MemoryMarshal.Cast<byte, long>(tensor.GetTensorMutableRawData()).Fill((long)value);
        else
            tensor.GetTensorMutableDataAsSpan<float>().Fill(value);
        return tensor;
    }
}
