using Ddoq.Imaging;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Storage;
using Ddoq.Training;
using Ddoq.Training.Networks;
using Ddoq.Training.Protocols;
using Ddoq.Training.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Bench.Sweep;

/// <summary>
/// The held-out images through encoder and decoder, and the trained students on them: what is left of the differences between
/// arms once the test images bear the decoder's marks too.
/// </summary>
internal sealed class DecodedTest : IDisposable
{
    private const int ChunkRows = 100;

    private readonly ulong _seed;
    private readonly ProtocolRecipe _recipe;
    private readonly StudentEvaluator _evaluator;
    private readonly int _classCount;
    private readonly int _side;

    public DecodedTest(string dataDir, ModelFolder model, ProtocolRecipe recipe, ulong seed, int workers)
    {
        TorchRuntime.EnsureLoaded(_ => { });
        _recipe = recipe;
        _seed = seed;
        _side = model.ImageSize;
        using IImageDataset data = ImageDatasets.Open(dataDir, DatasetSplit.Test);
        _classCount = data.ClassNames.Count;
        var session = new OnnxSessionOptions { Provider = ExecutionProvider.Cpu, Threads = workers };
        using VaeEncoder encoder = VaeEncoder.Open(model, session);
        using VaeDecoder decoder = VaeDecoder.Open(model, session);
        var fit = new ImageFit(_side, _side, FitMode.Pad, PadValue: (byte)model.PadValue);
        int pixels = 3 * _side * _side;
        byte[] bytes = new byte[(long)data.Count * pixels];
        float[] images = new float[ChunkRows * pixels], latents = new float[ChunkRows * model.LatentShape.Length];
        for (int first = 0; first < data.Count; first += ChunkRows)
        {
            int rows = Math.Min(ChunkRows, data.Count - first);
            Span<byte> chunk = bytes.AsSpan(first * pixels, rows * pixels);
            for (int i = 0; i < rows; i++)
                data.ReadRgb(first + i, fit, chunk.Slice(i * pixels, pixels));
            PlanarPixels.ToSigned(chunk, images.AsSpan(0, chunk.Length));
            encoder.EncodeMean(images, rows, latents);
            decoder.Decode(latents, rows, images);
            PlanarPixels.FromSigned(images.AsSpan(0, chunk.Length), chunk);
        }

        int[] labels = [.. Enumerable.Range(0, data.Count).Select(data.LabelOf)];
        _evaluator = new StudentEvaluator(new TrainingImages(bytes, labels, null, null, labels.Length, _side, _side), _classCount, recipe.Normalisation, ChunkRows);
    }

    /// <summary>Accuracy of a trained student, 0 to 1.</summary>
    /// <param name="folder">Folder of its run.</param>
    public double Accuracy(string folder)
    {
        using StudentNetwork network = StudentNetwork.Create(_recipe.Network, _classCount, _side, _side, _seed, _recipe.NetworkWidth);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, "checkpoint", "student.safetensors"));
        using (no_grad())
        {
            foreach ((string name, Tensor target) in network.state_dict())
            {
                using DisposeScope scope = NewDisposeScope();
                target.copy_(target.dtype == ScalarType.Int64
                    ? tensor(file.GetSpan<long>($"model.{name}").ToArray(), target.shape)
                    : tensor(file.GetSpan<float>($"model.{name}").ToArray(), target.shape));
            }
        }

        return _evaluator.Accuracy(_evaluator.Predict(network, default));
    }

    public void Dispose() => _evaluator.Dispose();
}
