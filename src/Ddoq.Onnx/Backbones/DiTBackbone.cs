using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>
/// A class-conditional diffusion transformer: <c>hidden_states</c> [b,c,h,w], <c>timestep</c> [b],
/// <c>class_labels</c> [b] to <c>noise_pred</c> [b, c or 2c, h, w].
/// </summary>
/// <remarks>In a guided batch the rows with a class come first, those with the null class second.</remarks>
public sealed class DiTBackbone : IDiffusionBackbone
{
    private const long LargestSmallLatent = 32 * 32;

    private readonly OnnxSession _session;
    private readonly TensorSignature _latents;
    private readonly TensorSignature _timestep;
    private readonly TensorSignature _labels;
    private readonly TensorSignature _prediction;
    private readonly int _nullClass;
    private readonly int _outputChannels;

    private DiTBackbone(ModelFolder folder, OnnxSession session)
    {
        _session = session;
        LatentShape = folder.LatentShape;
        ClassCount = folder.ClassCount;
        _nullClass = folder.NullClass;
        int c = LatentShape.Channels, h = LatentShape.Height, w = LatentShape.Width;
        session.RequireInputCount(3);
        _latents = session.RequireInput(new TensorContract(["hidden_states"], TensorContract.Floats, new("b"), new("c", c), new("h", h), new("w", w)));
        _timestep = session.RequireInput(new TensorContract(["timestep"], [.. TensorContract.Integers, .. TensorContract.Floats], new Dimension("b")));
        _labels = session.RequireInput(new TensorContract(["class_labels"], TensorContract.Integers, new Dimension("b")));
        _prediction = session.RequireOutput(new TensorContract(["noise_pred"], TensorContract.Floats, new("b"), new("c or 2c"), new("h", h), new("w", w)));
        _outputChannels = _prediction.Dimensions[1] ?? folder.OutputChannels ?? c;
        if (_outputChannels != c && _outputChannels != 2 * c)
            throw new DdoqException($"{session.Path}: output 'noise_pred' has {_outputChannels} channels; {c} (noise) or {2 * c} (noise and variance) are expected");
    }

    /// <inheritdoc/>
    public LatentShape LatentShape { get; }

    /// <inheritdoc/>
    public int ClassCount { get; }

    /// <inheritdoc/>
    public bool PredictsVariance => _outputChannels == 2 * LatentShape.Channels;

    /// <inheritdoc/>
    public int LaneCount => _session.LaneCount;

    /// <inheritdoc/>
    public string Description => $"DiT, {_session.Description}";

    /// <inheritdoc/>
    public string Signature => _session.Signature;

    /// <summary>Loads the transformer of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider and threads; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not a transformer for this model.</exception>
    public static DiTBackbone Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Layout != ModelLayout.DiT)
            throw new DdoqException($"{folder.Path} is conditioned on prompts, not on class labels", "open its UNet with one prompt per class");
        LatentShape shape = folder.LatentShape;
        options = (options ?? new OnnxSessionOptions()) with
        {
            InputShapes = new Dictionary<string, int[]> { ["hidden_states"] = [shape.Channels, shape.Height, shape.Width] },
        };
        OnnxSession session = OnnxSession.Open(folder.BackboneFile, options, progress);
        try
        {
            return new DiTBackbone(folder, session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public int FitBatchSize(int requested, bool guided) => FixedBatch.Fit(
        _session.Path, _latents.Dimensions[0], guided,
        requested > 0 ? requested : _session.ChooseBatchSize((long)LatentShape.Height * LatentShape.Width, LargestSmallLatent));

    /// <inheritdoc/>
    public IBackboneBatch CreateBatch(int batchSize, bool guided)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        return new Batch(this, batchSize, guided);
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private sealed class Batch : IBackboneBatch
    {
        private readonly DiTBackbone _owner;
        private readonly TensorBuffer _latents;
        private readonly TensorBuffer _timesteps;
        private readonly TensorBuffer _labels;
        private readonly TensorBuffer _predictions;
        private readonly BoundCall _call;
        private readonly bool _guided;

        public Batch(DiTBackbone owner, int batchSize, bool guided)
        {
            _owner = owner;
            _guided = guided;
            BatchSize = batchSize;
            LatentShape shape = owner.LatentShape;
            int rows = guided ? 2 * batchSize : batchSize;
            _latents = new TensorBuffer(owner._latents, rows, shape.Channels, shape.Height, shape.Width);
            _timesteps = new TensorBuffer(owner._timestep, rows);
            _labels = new TensorBuffer(owner._labels, rows);
            _predictions = new TensorBuffer(owner._prediction, rows, owner._outputChannels, shape.Height, shape.Width);
            _call = new BoundCall(owner._session, [_latents, _timesteps, _labels], [_predictions]);
            _labels.Fill(owner._nullClass);
        }

        public int BatchSize { get; }

        public Span<float> Latents => _latents.Floats[..(BatchSize * _owner.LatentShape.Length)];

        public ReadOnlySpan<float> Conditional => _predictions.Floats[..PredictionLength];

        public ReadOnlySpan<float> Unconditional => _guided ? _predictions.Floats[PredictionLength..] : [];

        private int PredictionLength => BatchSize * _owner._outputChannels * _owner.LatentShape.Height * _owner.LatentShape.Width;

        public void SetClasses(ReadOnlySpan<int> classes) => _labels.Write(classes[..BatchSize]);

        public void Predict(double timestep)
        {
            _timesteps.Fill(timestep);
            if (_guided)
                Latents.CopyTo(_latents.Floats[Latents.Length..]);
            _call.Run();
        }

        public void Dispose() => _call.Dispose();
    }
}
