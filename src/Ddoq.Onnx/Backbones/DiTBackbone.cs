using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>
/// A class-conditional diffusion transformer: <c>hidden_states</c> [b,c,h,w], <c>timestep</c> [b],
/// <c>class_labels</c> [b] to <c>noise_pred</c> [b, c or 2c, h, w].
/// </summary>
/// <remarks>In a guided batch the rows with a class come first, those with the null class second.</remarks>
public sealed class DiTBackbone : OnnxBackbone
{
    private readonly TensorSignature _timestep;
    private readonly TensorSignature _labels;
    private readonly int _nullClass;

    private DiTBackbone(ModelFolder folder, OnnxSession session)
        : base("DiT", FindTensors(folder, session))
    {
        ClassCount = folder.ClassCount;
        _nullClass = folder.NullClass;
        _timestep = session.RequireInput(new TensorContract(["timestep"], [.. TensorContract.Integers, .. TensorContract.Floats], new Dimension("b")));
        _labels = session.RequireInput(new TensorContract(["class_labels"], TensorContract.Integers, new Dimension("b")));
    }

    /// <inheritdoc/>
    public override int ClassCount { get; }

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
        return OnnxSession.Open(folder.BackboneFile, options, progress, session => new DiTBackbone(folder, session));
    }

    internal override BackboneConditions CreateConditions(int batchSize, bool guided) => new Conditions(this, batchSize, guided);

    private static BackboneTensors FindTensors(ModelFolder folder, OnnxSession session)
    {
        LatentShape shape = folder.LatentShape;
        int c = shape.Channels;
        session.RequireInputCount(3);
        TensorSignature latents = session.RequireInput(NetworkTensors.Latents("hidden_states", shape));
        TensorSignature prediction = session.RequireOutput(new TensorContract(["noise_pred"], TensorContract.Floats, new("b"), new("c or 2c"), new("h", shape.Height), new("w", shape.Width)));
        int outputs = prediction.Dimensions[1] ?? folder.OutputChannels ?? c;
        if (outputs != c && outputs != 2 * c)
            throw new DdoqException($"{session.Path}: output 'noise_pred' has {outputs} channels; {c} (noise) or {2 * c} (noise and variance) are expected");
        return new BackboneTensors(session, latents, prediction, shape, outputs, ConditionalFirst: true);
    }

    private sealed class Conditions : BackboneConditions
    {
        public Conditions(DiTBackbone owner, int batchSize, bool guided)
            : base(new TensorBuffer(owner._timestep, guided ? 2 * batchSize : batchSize), new TensorBuffer(owner._labels, guided ? 2 * batchSize : batchSize)) =>
            Rows.Fill(owner._nullClass);

        public override void SetClasses(ReadOnlySpan<int> classes) => Rows.Write(classes);
    }
}
