using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>One batch in flight whose latents and predictions lie in the program's memory.</summary>
internal sealed class HostBatch : IBackboneBatch
{
    private readonly BackboneTensors _tensors;
    private readonly BackboneConditions _conditions;
    private readonly TensorBuffer _latents;
    private readonly TensorBuffer _predictions;
    private readonly BoundCall _call;
    private readonly bool _guided;

    public HostBatch(OnnxBackbone backbone, int batchSize, bool guided)
    {
        _tensors = backbone.Tensors;
        _guided = guided;
        BatchSize = batchSize;
        int rows = guided ? 2 * batchSize : batchSize;
        _conditions = backbone.CreateConditions(batchSize, guided);
        _latents = new TensorBuffer(_tensors.Latents, _tensors.LatentsShape(rows));
        _predictions = new TensorBuffer(_tensors.Prediction, _tensors.PredictionShape(rows));
        _call = new BoundCall(_tensors.Session, [_latents, .. _conditions.Tensors], [_predictions]);
    }

    public int BatchSize { get; }

    public Span<float> Latents => _latents.Floats[..(BatchSize * _tensors.Shape.Length)];

    public ReadOnlySpan<float> Conditional => Half(_tensors.ConditionalFirst || !_guided);

    public ReadOnlySpan<float> Unconditional => _guided ? Half(!_tensors.ConditionalFirst) : [];

    public void SetClasses(ReadOnlySpan<int> classes) => _conditions.SetClasses(classes[..BatchSize]);

    public void Predict(double timestep)
    {
        _conditions.SetTimestep(timestep);
        if (_guided)
            Latents.CopyTo(_latents.Floats[Latents.Length..]);
        _call.Run();
    }

    public void Dispose() => _call.Dispose();

    private Span<float> Half(bool first)
    {
        int length = BatchSize * _tensors.PredictionLength;
        return first ? _predictions.Floats[..length] : _predictions.Floats.Slice(length, length);
    }
}
